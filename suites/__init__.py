"""Kernel suites by application, the bindings that run them, the layer tables and the references."""
