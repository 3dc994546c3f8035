"""Who holds which device, until when."""
