"""Making a device steady for a measurement, and giving back what was changed for it."""
