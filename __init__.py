"""Gates commits to native ML kernel libraries on real devices, from pytest."""

from ontarget.version import VERSION

__version__ = VERSION

__all__ = ["__version__"]
