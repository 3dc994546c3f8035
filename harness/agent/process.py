"""Code under test: one process on a device that has loaded one library, and the calls that it is asked to make.

    saxpy = "void saxpy(size_t n, float a, const float *x, float *y);"
    process = session.spawn("/var/lib/ontarget/<sha256>/libsaxpy.so", label="candidate")
    y = process.buffer(np.ones(4, "f4"))
    process.call(saxpy, "saxpy", 4, 2.0, np.arange(4, dtype="f4"), y)
    process.read(y)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ontarget.harness.abi import Abi
from ontarget.harness.agent.buffers import Buffer, Loaded

if TYPE_CHECKING:
    from ontarget.harness.agent.session import AgentSession

__all__ = ["Bound", "Buffer", "Loaded", "Process"]


@dataclass(frozen=True, eq=False)
class Bound:
    """A call with its arguments, kept on the device and not run yet.

    `buffers` are those that it was given, by the names of the prototype's parameters.
    """

    process: "Process"
    function: str
    identity: int
    buffers: Mapping[str, Buffer] = field(default_factory=dict)

    def naming(self, **buffers: Buffer) -> "Bound":
        """The same call, with these buffers known by these names too."""
        return replace(self, buffers={**self.buffers, **buffers})


class Process:
    """One library in one process on one device. Not thread-safe.

    After a ProductError of the kinds Crashed, Exited and TimedOut the process is gone, and further calls raise Skipped.
    """

    abi: Abi
    label: str
    device: str
    session: "AgentSession"

    def offers(self, function: str) -> bool:
        """Whether the library, or what it needs, exports `function`."""
        raise NotImplementedError

    def buffer(
        self,
        array_or_shape: NDArray[Any] | int | tuple[int, ...],
        dtype: DTypeLike | None = None,
        *,
        name: str | None = None,
        padding: int = 0,
        misalignment: int = 0,
    ) -> Buffer:
        """Private, writable memory: a copy of the array, or zeros of the shape and `dtype`.

        It starts at a multiple of 64 bytes plus `misalignment`; `padding` zero bytes more may be touched after its end.
        """
        raise NotImplementedError

    def cell(self, kind: str = "pointer") -> Buffer:
        """8 zero bytes that a function writes a pointer or integer to (`T **out`), for later calls to pass on."""
        raise NotImplementedError

    def bind(self, prototypes: str, function: str, *args: Any, returns: int | None = None) -> Bound:
        """Prepare a call of `function`, declared in the C text `prototypes`.

        `args`: integers, floats, None (NULL), Buffer (its address), Buffer.value (its content), NumPy arrays (a new
        buffer with its content). `returns` is the integer that the function has to return. Not waited for, so that a
        missing function raises MissingSymbol at the next waiting call. Raises BadPrototype, UnsupportedPrototype.
        """
        raise NotImplementedError

    def send(
        self, prototypes: str, function: str, *args: Any, returns: int | None = None, deadline: float = 10.0
    ) -> None:
        """Call without waiting; what goes wrong is raised by the next waiting call. Arguments as for `bind`."""
        raise NotImplementedError

    def call(
        self, prototypes: str, function: str, *args: Any, returns: int | None = None, deadline: float = 10.0
    ) -> int | float | None:
        """Call and return what the function returns (a pointer as an integer).

        Raises Crashed, OutOfMemory, Exited, TimedOut (after `deadline` seconds on the device), UnexpectedReturn,
        Skipped (an earlier pipelined call failed), MissingSymbol.
        """
        raise NotImplementedError

    def run(self, bound: Bound, *, deadline: float = 10.0) -> int | float | None:
        """Run a bound call once. Returns and raises as `call`."""
        raise NotImplementedError

    def time(
        self, bound: Bound, *, samples: int, calls_per_sample: int = 1, warmup_calls: int = 0, deadline: float = 10.0
    ) -> NDArray[np.int64]:
        """Nanoseconds of each sample of `calls_per_sample` calls, by the device's monotonic clock; shape [samples]."""
        raise NotImplementedError

    def read(self, buffer: Buffer) -> NDArray[Any]:
        """A copy of the buffer's content. Raises what earlier pipelined calls ended in."""
        raise NotImplementedError

    def reset(self, buffer: Buffer) -> None:
        """Give the buffer its initial content again. Not waited for."""
        raise NotImplementedError

    def flush(self) -> None:
        """Wait for all that was sent; raise what went wrong first."""
        raise NotImplementedError

    def memory(self) -> int:
        """Peak resident memory of the process so far, in bytes."""
        raise NotImplementedError

    def close(self) -> None:
        """End the process. Never raises; may be called twice."""
        raise NotImplementedError
