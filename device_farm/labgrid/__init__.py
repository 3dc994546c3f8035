"""An existing lab: a labgrid coordinator's places as devices, `store = "labgrid://host:port"`."""
