"""Hexagon's DSPs through FastRPC: the library of the device's side that calls go through, and the nodes it opens.

Never run on hardware. A DSP itself is asked only by a skeleton library that it has to load, which its vendor signs, so
what is told is whether the way to it is there. Names by Qualcomm's fastrpc repository (github.com/qualcomm/fastrpc).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ontarget.harness.agent.session import AgentSession
from ontarget.harness.backends.found import FAILURES, Found, State, Unit, loader, process_of
from ontarget.harness.transports.protocols import CommandRunner

_NODES: Final = {
    "cDSP": ("/dev/fastrpc-cdsp", "/dev/fastrpc-cdsp-secure"),
    "aDSP": ("/dev/fastrpc-adsp", "/dev/fastrpc-adsp-secure", "/dev/adsprpc-smd"),
}
_OPEN: Final = "remote_handle64_open"


class FastRpc:
    """Which DSPs there are is told by the nodes of the kernel's driver."""

    name = "fastrpc"
    libraries: Sequence[str] = ("libcdsprpc.so.1", "libcdsprpc.so", "libadsprpc.so.1", "libadsprpc.so")
    cache_variables: Sequence[str] = ("HOME",)

    def probe(self, session: AgentSession, runner: CommandRunner, environment: Mapping[str, str]) -> Found:
        library = loader(session, self.libraries)
        if library is None:
            return Found(self.name, State.ABSENT)
        try:
            with process_of(session, library, environment, "FastRPC") as process:
                if not process.offers(_OPEN):
                    return Found(self.name, State.BROKEN, library, broken={"library": f"it exports no {_OPEN}"})
        except FAILURES as error:
            return Found(self.name, State.BROKEN, library, broken={"library": str(error)})
        there = set(runner.run(["ls", "/dev"]).stdout.decode("utf-8", "replace").split())
        units = tuple(
            Unit(name, "FastRPC", "", {"node": node})
            for name, nodes in _NODES.items()
            for node in nodes
            if node.removeprefix("/dev/") in there
        )
        if not units:
            return Found(self.name, State.BROKEN, library, broken={"kernel": "no /dev/fastrpc-* node"})
        return Found(self.name, State.READY, library, units)


BACKEND = FastRpc()
