"""What a kind of device is: how it is known, read, made steady and started again.

A profile is a value of pure functions on what was read; who runs the commands is `ontarget.harness.steadying.steadier`.
One file per kind in `ontarget.harness.profiles`, each with its `PROFILE`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ontarget.harness import conditions
from ontarget.harness.conditions import Conditions

if TYPE_CHECKING:
    from ontarget.harness.device import DeviceInfo

Read = Mapping[str, bytes | None]
"""What was read, by a file's path or a command's name; None where there is no such file, or the command failed."""


class Reader(Protocol):
    """Makes conditions of what was read."""

    def __call__(self, read: Read, earlier: Conditions | None = None, /) -> Conditions: ...


@dataclass(frozen=True)
class Command:
    """A reading that no file tells: `argv` is run at most once in so many seconds, as commands cost far more."""

    name: str
    argv: tuple[str, ...]
    every: float = 10.0


@dataclass(frozen=True)
class Knob:
    """One thing that can be set, and given back.

    `key` is the path of a file to write, or a name where commands do it: `read` prints the present value, `write` makes
    the command that sets one. One with `read` alone is never set; one with `write` alone has the value `assumed` while
    we have not set it. `shown` makes the value of what was printed, None for none that could be given back. `lasting`
    says whether the setting outlives a reboot, `root` whether it takes root.
    """

    key: str
    read: tuple[str, ...] | None = None
    write: Callable[[str], tuple[str, ...]] | None = None
    shown: Callable[[bytes], str | None] = lambda printed: printed.decode("utf-8", "replace").strip()
    lasting: bool = False
    root: bool = True
    assumed: str = ""

    @property
    def is_file(self) -> bool:
        return self.read is None and self.write is None


def _no_knobs(_cores: int) -> Sequence[Knob]:
    return ()


def _no_files(_cores: int) -> Sequence[str]:
    return ()


def _no_plan(_found: Mapping[str, str]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class BoardProfile:
    """A kind of device.

    `probe` tells whether a device is of it; of several that say so the one of the highest `rank` is taken. `files` (by
    the number of cores) and `commands` are what its conditions are read from by `read`; `watched` chooses, of the files
    that were found, those worth sampling beside a measurement on some cores, `meter` those that tell the power. `knobs`
    can be set; `plan` says to what, from the present values of the knobs and of `planning` files, all by key; what is
    not in its answer is left alone. `cool_c` is the temperature in degrees Celsius below which a measurement may begin,
    None for any. `reboot` starts the device again without cutting its power, () where that must not be done.
    """

    name: str
    probe: "Callable[[DeviceInfo], bool]"
    rank: int = 1
    files: Callable[[int], Sequence[str]] = conditions.paths
    watched: Callable[[Read, Sequence[int]], Sequence[str]] = conditions.watched
    meter: Callable[[Read], Sequence[str]] = conditions.meter
    commands: tuple[Command, ...] = ()
    read: Reader = conditions.parse
    knobs: Callable[[int], Sequence[Knob]] = _no_knobs
    planning: Callable[[int], Sequence[str]] = _no_files
    plan: Callable[[Mapping[str, str]], Mapping[str, str]] = _no_plan
    cool_c: float | None = None
    reboot: tuple[str, ...] = ()
