"""Which commit made a test slower, or wrong: builds, a device and the search of `harness.statistics.bisection`."""
