"""The command line, `ontarget`."""
