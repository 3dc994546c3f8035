"""The package's version, read by setuptools without importing anything else."""

VERSION = "0.1.0"
