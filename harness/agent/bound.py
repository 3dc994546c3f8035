"""A call that a process on a device has been told of, and can be asked to run."""

from collections.abc import Mapping
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
    the same inputs may give other bits, "" if it may not. `steps` are those of a chain, by name, in order.
    """

    process: "Process"
    function: str
    identity: int
    prototype: Prototype
    buffers: Mapping[str, Buffer] = field(default_factory=dict)
    cleanup: "Bound | None" = None
    varies: str = ""
    steps: Mapping[str, "Bound"] = field(default_factory=dict)

    def naming(self, **buffers: Buffer) -> "Bound":
        """The same call, with these buffers known by these names too."""
        return replace(self, buffers={**self.buffers, **buffers})

    def varying(self, reason: str) -> "Bound":
        """The same call, of which another run may give other bits, for this reason (threads that add as they come)."""
        return replace(self, varies=reason)

    def undone_by(self, cleanup: "Bound") -> "Bound":
        """The same call, with another that frees what was made for it."""
        return replace(self, cleanup=cleanup)
