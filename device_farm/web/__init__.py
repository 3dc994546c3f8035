"""The farm's page: what the store knows, for browsers. It reads, and changes nothing."""
