"""The commands of `ontarget farm`, one file each."""
