"""What a kernel says on a console when it is in trouble: panics, oopses, lock-ups, storage that fails.

The words are those of Linux's own sources: kernel/panic.c, arch/*/kernel/traps.c and mm/fault.c, kernel/watchdog.c,
kernel/rcu/tree_stall.h, kernel/hung_task.c, fs/ext4/super.c, block/blk-core.c.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FaultKind(StrEnum):
    PANIC = "kernel panic"
    OOPS = "kernel oops"
    LOCKUP = "processor locked up"
    STALL = "processor stalled"
    HUNG_TASK = "task hung in the kernel"
    READ_ONLY = "file system turned read-only"
    STORAGE = "storage failed"


@dataclass(frozen=True)
class KernelFault:
    """`words` are the kernel's own line, `lines` it and what follows until the report's end, as the log has them."""

    kind: FaultKind
    words: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


_KINDS: Final = (
    (FaultKind.PANIC, re.compile(r"Kernel panic - not syncing\b.*")),
    (
        FaultKind.OOPS,
        re.compile(
            r"(Internal error: |Oops: |Oops - |Unable to handle kernel |BUG: unable to handle |BUG: kernel NULL pointer"
            r"|kernel BUG at |general protection fault[,:]|Bad mode in ).*"
        ),
    ),
    (FaultKind.LOCKUP, re.compile(r"(BUG: soft lockup|Watchdog detected hard LOCKUP|NMI watchdog: .*LOCKUP).*")),
    (FaultKind.STALL, re.compile(r"(rcu: )?INFO: rcu\S* (self-)?detected (expedited )?stalls?\b.*")),
    (FaultKind.HUNG_TASK, re.compile(r"INFO: task \S+ blocked for more than \d+ seconds.*")),
    (FaultKind.READ_ONLY, re.compile(r".*[Rr]emounting filesystem read-only.*")),
    (FaultKind.STORAGE, re.compile(r"(EXT4-fs error|F2FS-fs .*error|(\S+: )?I/O error,? dev |mmc\d+: error ).*")),
)
# The log's own time, a priority, the kernel's time with its processor or task, and how far netconsole numbers it.
_BEFORE: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\S+ )?(<\d+>)?(\[ *\d+\.\d+\](\[ *[CT]\d+\])? ?)?(watchdog: )?")
_END: Final = re.compile(r"---\[ end (Kernel panic|trace) ")
_MOST_LINES: Final = 80


def kernel_faults(log: str) -> list[KernelFault]:
    """Return the troubles in a console's log, the worst first, then in their order; one that led to another is kept."""
    lines = log.splitlines()
    found = list(_found(lines))
    order = list(FaultKind)
    return sorted(found, key=lambda fault: order.index(fault.kind))


def worst(log: str) -> KernelFault | None:
    """The trouble that says most, None where there is none."""
    return next(iter(kernel_faults(log)), None)


def said_since(log: str, start: str) -> str:
    """The lines of a console's log from the time `start` on, both in RFC 3339 of UTC; others go with the one before."""
    lines = log.splitlines(keepends=True)
    first = next(
        (place for place, line in enumerate(lines) if line[:1].isdigit() and line[: len(start)] >= start), None
    )
    return "" if first is None else "".join(lines[first:])


def _found(lines: Sequence[str]) -> Iterator[KernelFault]:
    skip_until = 0
    for place, line in enumerate(lines):
        words = _BEFORE.sub("", line)
        for kind, pattern in _KINDS:
            match = pattern.match(words)
            # what belongs to a report is not told again; but a panic ends an oops, and says more
            if match is None or (place < skip_until and kind is not FaultKind.PANIC):
                continue
            end = _end_of(lines, place)
            skip_until = end
            yield KernelFault(kind, match[0].strip(), tuple(lines[place:end]))
            break


def _end_of(lines: Sequence[str], start: int) -> int:
    most = min(len(lines), start + _MOST_LINES)
    return next((place + 1 for place in range(start, most) if _END.search(lines[place])), most)
