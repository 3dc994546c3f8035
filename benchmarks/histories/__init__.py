"""Histories of tests: recorded, published and simulated ones, steps injected into them, and detectors that look."""
