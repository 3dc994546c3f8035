"""Emulated arm64 boards under QEMU: built from Debian packages, with SSH, a serial console and a power switch.

With `-icount` and one processor their clock counts instructions, so that what is measured on them repeats whatever the
host is doing, and is blind to caches and pipelines.
"""

from ontarget.device_farm.boards.lifecycle import build, down, power_off, power_on, up
from ontarget.device_farm.boards.machine import BOOT_DEADLINE
from ontarget.device_farm.boards.models import MODELS
from ontarget.device_farm.boards.registry import Board, find, names, running
from ontarget.device_farm.boards.timing import being_timed, heal, quiet

__all__ = [
    "BOOT_DEADLINE",
    "MODELS",
    "Board",
    "being_timed",
    "build",
    "down",
    "find",
    "heal",
    "names",
    "power_off",
    "power_on",
    "quiet",
    "running",
    "up",
]
