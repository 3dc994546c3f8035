"""Gates commits to native ML kernel libraries on real devices, from pytest."""

from ontarget.version import VERSION as __version__

__all__ = ["__version__"]
