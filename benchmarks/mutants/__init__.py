"""The mutation check: deliberate bugs in a kernel library, and which of them the suites catch."""
