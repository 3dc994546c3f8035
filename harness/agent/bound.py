"""A call that a process on a device has been told of, and can be asked to run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ontarget.harness.agent.buffers import Buffer
from ontarget.harness.agent.prototypes import Prototype

if TYPE_CHECKING:
    from ontarget.harness.agent.process import Process


@dataclass(frozen=True, eq=False)
class Bound:
    """A call with its arguments, kept on the device and not run yet.

    `buffers` are those that it was given, by the names of the prototype's parameters. `cleanup` frees what was made
    for the call, once it has run for the last time; a process that ends needs none. `varies` says why another run on
    the same inputs may give other bits, "" if it may not. `steps` are those of a chain, by name, in order. `collect`
    brings results to where they are read from, and is never timed; `traced` makes the call that tells its own times.
    """

    process: "Process"
    function: str
    identity: int
    prototype: Prototype
    buffers: Mapping[str, Buffer] = field(default_factory=dict)
    cleanup: "Bound | None" = None
    varies: str = ""
    steps: Mapping[str, "Bound"] = field(default_factory=dict)
    collect: "Bound | None" = None
    traced: "Callable[[], Traced] | None" = None

    def naming(self, **buffers: Buffer) -> "Bound":
        """The same call, with these buffers known by these names too."""
        return replace(self, buffers={**self.buffers, **buffers})

    def varying(self, reason: str) -> "Bound":
        """The same call, of which another run may give other bits, for this reason (threads that add as they come)."""
        return replace(self, varies=reason)

    def collected_by(self, collect: "Bound") -> "Bound":
        """The same call, with another that brings its results back from a device beside the CPU."""
        return replace(self, collect=collect)

    def traced_by(self, traced: "Callable[[], Traced]") -> "Bound":
        """The same call, with what makes one that does the same and has its device stamp it."""
        return replace(self, traced=traced)

    def undone_by(self, cleanup: "Bound") -> "Bound":
        """The same call, with another that frees what was made for it."""
        return replace(self, cleanup=cleanup)


@dataclass(frozen=True, eq=False)
class Traced:
    """A call that has what computes stamp its own work, in nanoseconds of that device's clock (cells of uint64).

    `stamp` reads them, after each run. `idle`: all earlier work was done. `queued`, `started` and `ended` are of the
    call's last piece of work.
    """

    call: Bound
    stamp: Bound
    idle: Buffer
    queued: Buffer
    started: Buffer
    ended: Buffer
