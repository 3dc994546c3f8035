"""One file a command, found by its name: `command` in each is what runs."""
