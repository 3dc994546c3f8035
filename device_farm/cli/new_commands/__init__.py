"""What `ontarget new` makes; a file here is a command."""
