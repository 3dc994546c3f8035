"""Code under test: one process on a device that has loaded one library, and the calls that it is asked to make.

saxpy = "void saxpy(size_t n, float a, const float *x, float *y);"
process = session.spawn("/var/lib/ontarget/<sha256>/libsaxpy.so", label="candidate")
y = process.buffer(np.ones(4, "f4"))
process.call(saxpy, "saxpy", 4, 2.0, np.arange(4, dtype="f4"), y)
process.read(y)
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ontarget.harness.abi import Abi
from ontarget.harness.agent.bound import Bound
from ontarget.harness.agent.buffers import CELL_KINDS, CELL_SIZE, Buffer, Guard, Inside, Loaded, Placing, check_dtype
from ontarget.harness.agent.calls import encode_call, result_bits
from ontarget.harness.agent.conversation import Answer, Conversation
from ontarget.harness.agent.frames import Counter, Op, PayloadReader, text
from ontarget.harness.agent.layout import result
from ontarget.harness.agent.prototypes import Pointer, Prototype, parse
from ontarget.harness.errors import BadPrototype, Crashed, Exited, OntargetError, Skipped, TimedOut

if TYPE_CHECKING:
    from ontarget.harness.agent.session import AgentSession

__all__ = ["Bound", "Buffer", "Loaded", "Placing", "Process"]

DEADLINE: Final = 10.0  # seconds
_MOST_MISALIGNMENT = 4096
_LINE = 64
_ZEROS = (0, 0)  # no blob
_NUMBERS = (int, float)
_MOST_STEPS = 4096


class Process:
    """One library in one process on one device. Not thread-safe. Made by `AgentSession.spawn`.

    After a ProductError of the kinds Crashed, Exited and TimedOut the process is gone, and further calls raise Skipped.
    """

    def __init__(self, session: "AgentSession", conversation: Conversation, worker: int, label: str) -> None:
        self.session: Final = session
        self.abi: Abi = session.hello.abi
        self.device: str = session.device
        self.label: Final = label
        self.worker: Final = worker  # its number among the session's processes
        self.threads = 1  # how many the library may use; bindings read it
        self.cold = False  # nothing is compiled yet, and is not to be before the first run: that is what is measured
        self.placing = Placing()
        self._conversation = conversation
        self._next_buffer = 1
        self._next_call = 1
        self._offers: dict[str, bool] = {}
        self._handed: dict[int, tuple[NDArray[Any], Buffer]] = {}  # by the array's identity
        self._failure: OntargetError | None = None  # of a pipelined request, not raised yet
        self._end: OntargetError | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def broken(self) -> bool:
        """Whether the code under test ended it."""
        return self._end is not None

    def offers(self, function: str) -> bool:
        """Whether the library, or what it needs, exports `function`."""
        if function not in self._offers:
            self._offers[function] = self._ask(Op.OFFERS, text(function), what=f"looking up {function}") != b"\0"
        return self._offers[function]

    def buffer(
        self,
        array_or_shape: NDArray[Any] | int | tuple[int, ...],
        dtype: DTypeLike | None = None,
        *,
        name: str | None = None,
        padding: int = 0,
        misalignment: int | None = None,
        guard: Guard | None = None,
        alignment: int | None = None,
    ) -> Buffer:
        """Private, writable memory: a copy of the array, or zeros of the shape and `dtype`.

        A part of a read-only array shares that array's memory on the device, so that many parts are sent once.
        `padding` zero bytes more may be read after its end. It starts at a multiple of 64 bytes plus `misalignment`
        (below 4096). With `guard` "end" what follows the padding may not be touched: then it starts at a multiple of
        `alignment` (a power of two; by default its element's size) plus `misalignment`, as near to its guard as that
        allows. What is None, and the zeros, are as the process's `placing` says.
        """
        if isinstance(array_or_shape, np.ndarray):
            if id(array_or_shape) in self._handed:
                return self._take(array_or_shape, padding, misalignment)
            array = np.ascontiguousarray(array_or_shape, dtype=dtype).reshape(array_or_shape.shape)
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            place = self.session.blob(array)
            placed = self._placed(array.dtype, misalignment, guard, alignment)
            return self._make(array.shape, array.dtype, place, array.nbytes, name, padding, *placed)
        if dtype is None:
            raise BadPrototype("a buffer of zeros needs a dtype")
        shape = array_or_shape if isinstance(array_or_shape, tuple) else (array_or_shape,)
        kind = np.dtype(dtype).newbyteorder("<")
        size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        return self._make(shape, kind, _ZEROS, size, name, padding, *self._placed(kind, misalignment, guard, alignment))

    def _placed(
        self, dtype: np.dtype[Any], misalignment: int | None, guard: Guard | None, alignment: int | None
    ) -> tuple[int, int, int]:
        """Misalignment, alignment (0: it starts on a page) and fill, as BUFFER takes them."""
        placing = self.placing
        if misalignment is None:
            misalignment = dtype.itemsize if placing.skewed else 0
        if alignment is None:  # of an element of several parts: the largest power of two that divides its size
            alignment = _LINE if misalignment else max(dtype.itemsize & -dtype.itemsize, 1)
        if alignment < 1 or alignment & (alignment - 1) or alignment > _MOST_MISALIGNMENT:
            raise BadPrototype(f"expected an alignment that is a power of two to {_MOST_MISALIGNMENT}: {alignment}")
        if (guard or placing.guard) not in get_args(Guard):
            raise BadPrototype(f"expected a guard of {' or '.join(get_args(Guard))}, found {guard or placing.guard!r}")
        return misalignment, alignment if (guard or placing.guard) == "end" else 0, placing.fill

    def _make(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        place: tuple[int, int],
        size: int,
        name: str | None,
        padding: int = 0,
        misalignment: int = 0,
        alignment: int = 0,
        fill: int = 0,
        is_cell: bool = False,
    ) -> Buffer:
        if dtype.hasobject:
            raise BadPrototype(f"an array of {dtype} can't be sent to a device: its elements are Python objects")
        if not 0 <= misalignment < _MOST_MISALIGNMENT or padding < 0 or size < 0:
            raise BadPrototype(f"expected 0 <= misalignment < {_MOST_MISALIGNMENT}, padding and shape of at least 0")
        buffer = Buffer(self._next_buffer, shape, dtype, name, self.label, is_cell, padding)
        self._next_buffer += 1
        request = struct.pack("<IIQQIIIB", buffer.identity, *place, size, padding, misalignment, alignment, fill)
        request += text(name or f"buffer {buffer.identity}")
        self._send(Op.BUFFER, request, what=f"making buffer {name or buffer.identity}")
        return buffer

    def hand(self, array: NDArray[Any], buffer: Buffer) -> None:
        """From now on `array`, this very object, stands for `buffer`: what is given the array uses that memory.

        So that one call's output is the next one's input, and stays on the device. The array's content is not used.
        Raises BadPrototype if they differ in type or number of elements.
        """
        self._own(buffer.label, buffer.name or "buffer")
        if array.dtype != buffer.dtype or array.nbytes != buffer.size:
            raise BadPrototype(
                f"buffer {buffer.name or buffer.identity} of {buffer.dtype} {list(buffer.shape)} cannot be handed on "
                f"as {array.dtype} {list(array.shape)}"
            )
        self._handed[id(array)] = array, buffer

    def _take(self, array: NDArray[Any], padding: int, misalignment: int | None) -> Buffer:
        _, buffer = self._handed[id(array)]
        if padding > buffer.padding or misalignment:
            raise BadPrototype(
                f"buffer {buffer.name or buffer.identity} is handed on with {buffer.padding} bytes of padding, and "
                f"{padding} with misalignment {misalignment} are asked for: a binding gives its outputs its inputs'"
            )
        return buffer

    def cell(self, kind: str = "pointer") -> Buffer:
        """8 zero bytes that a function writes a pointer or number to (`T **out`), for later calls to pass on.

        `kind`, one of pointer, int32, uint32, int64, uint64, float, double, says what `Process.read` makes of it.
        """
        if kind not in CELL_KINDS:
            raise BadPrototype(f"expected a cell of one of {', '.join(CELL_KINDS)}, found {kind!r}")
        return self._make((), np.dtype(CELL_KINDS[kind]), _ZEROS, CELL_SIZE, None, is_cell=True)

    def bind(self, prototypes: str, function: str, *args: Any, returns: int | None = None) -> Bound:
        """Prepare a call of `function`, declared in the C text `prototypes`.

        `args`: integers, floats, None (NULL), Buffer (its address), Buffer.value (its content), NumPy arrays (a new
        buffer with its content). `returns` is the integer that the function has to return. Not waited for, so that a
        missing function raises MissingSymbol at the next waiting call. Raises BadPrototype, UnsupportedPrototype.
        """
        prototype, request, buffers = self._prepare(prototypes, function, args, returns)
        bound = Bound(self, function, self._next_call, prototype, buffers)
        self._next_call += 1
        self._send(Op.BIND, struct.pack("<I", bound.identity) + request, what=function)
        return bound

    def chain(self, name: str, steps: Mapping[str, Bound]) -> Bound:
        """A call that runs bound calls one after the other, on the device; `name` tells it in messages.

        It returns what its last step does, and ends at the first that does not return what it has to. Its cleanup frees
        what all steps made. Not waited for. Raises BadPrototype for no steps, or too many.
        """
        undone = [bound.cleanup for bound in steps.values() if bound.cleanup is not None]
        varies = sorted({bound.varies for bound in steps.values() if bound.varies})
        return replace(
            self._link(name, list(steps.values())),
            steps=dict(steps),
            cleanup=self._link(f"freeing {name}", undone[::-1]) if undone else None,
            varies="; ".join(varies),
        )

    def _link(self, name: str, steps: Sequence[Bound]) -> Bound:
        if not 0 < len(steps) <= _MOST_STEPS:
            raise BadPrototype(f"{name}: expected a chain of 1 to {_MOST_STEPS} calls, found {len(steps)}")
        for bound in steps:
            self._own(bound.process.label, bound.function)
        whole = Bound(self, name, self._next_call, steps[-1].prototype)
        self._next_call += 1
        numbers = [bound.identity for bound in steps]
        self._send(Op.CHAIN, struct.pack(f"<IH{len(steps)}I", whole.identity, len(steps), *numbers), what=name)
        return whole

    def send(
        self, prototypes: str, function: str, *args: Any, returns: int | None = None, deadline: float = DEADLINE
    ) -> None:
        """Call without waiting; what goes wrong is raised by the next waiting call. Arguments as for `bind`."""
        prototype, request, _ = self._prepare(prototypes, function, args, returns)
        self._send(Op.CALL, request, what=function, deadline=deadline, signed_bits=result_bits(prototype, self.abi))

    def call(
        self, prototypes: str, function: str, *args: Any, returns: int | None = None, deadline: float = DEADLINE
    ) -> int | float | None:
        """Call and return what the function returns (a pointer as an integer).

        Raises Crashed, OutOfMemory, Exited, TimedOut (after `deadline` seconds on the device), UnexpectedReturn,
        Skipped (an earlier pipelined call failed), MissingSymbol.
        """
        prototype, request, _ = self._prepare(prototypes, function, args, returns)
        bits = result_bits(prototype, self.abi)
        return self._result(prototype, self._ask(Op.CALL, request, what=function, deadline=deadline, signed_bits=bits))

    def collect(self, bound: Bound, *, deadline: float = DEADLINE) -> None:
        """Bring the results of a call that has run to its buffers, where that is a step of its own. Raises as `run`."""
        if bound.collect is not None:
            self.run(bound.collect, deadline=deadline)

    def run(self, bound: Bound, *, deadline: float = DEADLINE) -> int | float | None:
        """Run a bound call once. Returns and raises as `call`."""
        answer = self._ask_bound(Op.RUN, bound, b"", deadline)
        return self._result(bound.prototype, answer)

    def time(
        self,
        bound: Bound,
        *,
        samples: int,
        calls_per_sample: int = 1,
        warmup_calls: int = 0,
        deadline: float = DEADLINE,
    ) -> NDArray[np.int64]:
        """Nanoseconds of each sample of `calls_per_sample` calls, by the device's monotonic clock; shape [samples].

        `deadline` holds for all of it. Raises as `call`.
        """
        if samples < 0 or calls_per_sample < 1 or warmup_calls < 0:
            raise ValueError("expected samples >= 0, calls_per_sample >= 1, warmup_calls >= 0")
        answer = self._ask_bound(Op.TIME, bound, struct.pack("<III", warmup_calls, samples, calls_per_sample), deadline)
        return np.frombuffer(answer, "<i8").astype(np.int64)

    def count(
        self, bound: Bound, counters: Sequence[Counter], *, calls: int = 1, deadline: float = DEADLINE
    ) -> dict[Counter, int]:
        """What the processor counts during `calls` calls, in the thread that makes them, outside the kernel.

        Raises UncountedDevice where the kernel or the processor does not let us, and as `call`.
        """
        if calls < 1 or not counters:
            raise ValueError("expected calls >= 1 and a counter")
        request = struct.pack(f"<IH{len(counters)}B", calls, len(counters), *counters)
        answer = PayloadReader(self._ask_bound(Op.COUNT, bound, request, deadline))
        (count,) = answer.take("H")
        return dict(zip(counters, answer.take(f"{count}Q"), strict=True))

    def read(self, buffer: Buffer) -> NDArray[Any]:
        """A copy of the buffer's content. Raises what earlier pipelined calls ended in."""
        self._own(buffer.label, buffer.name or "buffer")
        answer = self._ask(Op.READ, struct.pack("<I", buffer.identity), what=f"reading {buffer.name or 'a buffer'}")
        return np.frombuffer(answer[: buffer.size], buffer.dtype).reshape(buffer.shape).copy()

    def digest(self, buffer: Buffer) -> str:
        """The SHA-256 (hex) of the buffer's content, made on the device. Raises as `read`."""
        self._own(buffer.label, buffer.name or "buffer")
        answer = self._ask(Op.DIGEST, struct.pack("<I", buffer.identity), what=f"hashing {buffer.name or 'a buffer'}")
        return PayloadReader(answer).text()

    def strays(self) -> str:
        """What was written around buffers, for people; "" if nothing was. Raises as `read`."""
        return PayloadReader(self._ask(Op.INTACT, b"", what="looking around buffers")).text()

    def reset(self, buffer: Buffer) -> None:
        """Give the buffer its initial content again. Not waited for."""
        self._send(Op.RESET, struct.pack("<I", buffer.identity), what=f"resetting {buffer.name or 'a buffer'}")

    def flush(self) -> None:
        """Wait for all that was sent; raise what went wrong first."""
        self._ask(Op.MEMORY, b"", what="waiting for earlier calls")

    def memory(self) -> int:
        """Peak resident memory of the process so far, in bytes."""
        return int(struct.unpack("<Q", self._ask(Op.MEMORY, b"", what="reading peak memory"))[0])

    def close(self) -> None:
        """End the process. Never raises; may be called twice."""
        if not self._closed:
            self._closed = True
            self.session.end_process(self)

    def fail(self, error: OntargetError) -> NoReturn:
        """Raise what a request of this process ended in; the process can be used again if it lives."""
        if isinstance(error, Crashed | Exited | TimedOut):
            self._end = error
        elif self._end is None:
            self._conversation.send(
                Op.RESUME, what="going on", worker=self.worker, label=self.label, listener=lambda _: None
            )
        raise error

    def _own(self, label: str, what: str) -> None:
        if label != self.label:
            raise BadPrototype(f"{what} is of process {label}, and can't be used in process {self.label}")

    def _prepare(
        self, prototypes: str, function: str, args: tuple[Any, ...], returns: int | None
    ) -> tuple[Prototype, bytes, dict[str, Buffer]]:
        prototype = parse(prototypes, function)
        buffers = {}
        arguments = list(args)
        for index, (parameter, argument) in enumerate(zip(prototype.parameters, args, strict=False)):
            if type(argument) in _NUMBERS:
                continue
            given = argument.buffer if isinstance(argument, Loaded | Inside) else argument
            if isinstance(given, Buffer):
                self._own(given.label, f"{function}: {parameter.name}")
            if isinstance(argument, np.ndarray):
                check_dtype(parameter, argument.dtype, self.abi)
                arguments[index] = argument = self.buffer(argument, name=parameter.name)
            elif isinstance(argument, Buffer) and isinstance(parameter.type, Pointer) and not argument.is_cell:
                check_dtype(parameter, argument.dtype, self.abi)
            if isinstance(argument, Buffer):
                buffers[parameter.name] = argument
        return prototype, encode_call(prototype, arguments, self.abi, returns), buffers

    def _result(self, prototype: Prototype, answer: bytes) -> int | float | None:
        return result(prototype, struct.unpack("<Q", answer)[0], self.abi)

    def _check(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self.fail(failure)
        if self._closed or self._end is not None:
            why = f"it ended: {self._end}" if self._end else "it was closed"
            raise Skipped(f"nothing more runs in process {self.label}: {why}", device=self.device)

    def _send(self, op: Op, request: bytes, *, what: str, deadline: float = 0.0, signed_bits: int = 0) -> None:
        self._check()
        self._conversation.send(
            op,
            request,
            what=what,
            worker=self.worker,
            label=self.label,
            deadline=deadline,
            signed_bits=signed_bits,
            listener=self._note,
        )

    def _note(self, answer: Answer) -> None:
        self._failure = self._failure or answer.error()

    def _ask(self, op: Op, request: bytes, *, what: str, deadline: float = DEADLINE, signed_bits: int = 0) -> bytes:
        self._check()
        number = self._conversation.send(
            op, request, what=what, worker=self.worker, label=self.label, deadline=deadline, signed_bits=signed_bits
        )
        answer = self._conversation.wait(number)
        failure, self._failure = self._failure or answer.error(), None
        if failure is not None:
            self.fail(failure)
        return answer.payload

    def _ask_bound(self, op: Op, bound: Bound, request: bytes, deadline: float) -> bytes:
        self._own(bound.process.label, bound.function)
        if bound.process is not self:
            raise BadPrototype(f"{bound.function} was bound in an earlier process {bound.process.label}")
        bits = result_bits(bound.prototype, self.abi)
        request = struct.pack("<I", bound.identity) + request
        return self._ask(op, request, what=bound.function, deadline=deadline, signed_bits=bits)
