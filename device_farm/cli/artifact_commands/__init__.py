"""The commands below `ontarget artifact`, one file each."""
