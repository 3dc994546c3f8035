"""CLBlast: BLAS on OpenCL. Layers by GEMM, GEMV, AXPY and its convolution by GEMM.

Products are of rows: gemm and 1x1 convolutions in NHWC are GEMM, of one row GEMV, added to a copy of the bias. Other
convolutions are CONVGEMM, which is NCHW: inputs are transposed while they are prepared, and the result when it is
collected, which is not timed. A sum is AXPY. Nothing is timed but the device's work and its enqueueing.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.suites.bindings.clblast.opencl import Computer

name = "clblast"
soname = "libclblast.so.1"
backend = "opencl"
ends = "clFinish"
environment: Mapping[str, str] = MappingProxyType({})

PROTOTYPES = resources.files(__package__).joinpath("clblast.h").read_text("utf-8")
# Seconds that a call may take while its kernels are compiled.
COMPILING = 120.0

_ROW_MAJOR, _PLAIN, _TRANSPOSED, _CORRELATION = 101, 111, 112, 151
_PREFIX = {"f32": "S", "f16": "H"}
_ONE: Mapping[str, float | int] = {"f32": 1.0, "f16": 0x3C00}  # half precision travels as its bits
_FUNCTIONS = {
    "gemm": ("gemm", "gemv"),
    "pointwise_conv2d": ("gemm", "gemv"),
    "conv2d": ("convgemm", "axpy", "omatcopy"),
    "conv1d": ("convgemm", "axpy", "omatcopy"),
    "add": ("axpy",),
}

Enqueue = Callable[[int, Buffer | None], dict[str, Bound]]
"""The steps of the work, given the queue, and the cell for the event of the last."""


def offers(op: str, dtype: str) -> str | None:
    """None if the operator is one of BLAS, in floats."""
    if op in _FUNCTIONS and dtype in _PREFIX:
        return None
    return f"CLBlast has no {op} in {dtype}; it has {', '.join(sorted(_FUNCTIONS))} in f32 and f16"


def lacks(op: str, dtype: str, exports: Callable[[str], bool]) -> str | None:
    """None if a library with these functions can run the operator, else why not."""
    missing = [function for part in _FUNCTIONS[op] if not exports(function := f"CLBlast{_PREFIX[dtype]}{part}")]
    return f"the library exports no {' and no '.join(missing)}" if missing else None


def start(library: Process) -> None:
    """Load the driver and make its context."""
    Computer.of(library)


def prepare(library: Process, case: Case) -> Bound:
    """Bring the operands to the device; kernels are compiled here, unless the process is to be cold."""
    if reason := offers(case.op, case.dtype):
        raise NotOffered(reason)
    if reason := lacks(case.op, case.dtype, library.offers):
        raise NotOffered(f"{library.label}: {reason}", device=library.device)
    computer = Computer.of(library)
    if case.dtype == "f16" and not computer.has_f16:
        raise NotOffered("the OpenCL device has no cl_khr_fp16, and so no f16", device=library.device)
    output = library.buffer(case.output_shape, case.output_dtype, name="output")
    work = _Work(computer, case, output)
    enqueue = {"add": work.add, "conv2d": work.convolve, "conv1d": work.convolve}.get(case.op, work.multiply)()
    run = library.chain(case.op, {**enqueue(computer.queue, None), ends: computer.finish()})

    def traced() -> Any:
        queue, last = computer.profiling_queue(), library.cell()
        return computer.traced(queue, enqueue(queue, last), last)

    whole = run.naming(output=output).collected_by(work.collect()).traced_by(traced)
    whole = whole.undone_by(computer.release(work.made))
    if not library.cold:
        library.run(whole, deadline=COMPILING)
        library.collect(whole, deadline=COMPILING)  # kernels of its own
        library.reset(output)
    return whole


class _Work:
    """One case on its device: what was made for it, and where its result is."""

    def __init__(self, computer: Computer, case: Case, output: Buffer) -> None:
        self.computer = computer
        self.case = case
        self.output = output
        self.made: list[int] = []
        self._size = output.size
        self.result = self._memory(output)  # with what the buffer holds, so that what is not written shows
        self._untouched = self._memory(output)
        self._steps_to_collect: dict[str, Bound] = {}

    def multiply(self) -> Enqueue:
        """Rows of the input by the weights [n, k], added to the bias."""
        weights = self.case.tensors["weights"]
        if self.case.op == "pointwise_conv2d":
            self._expect_plain()
        n = weights.shape[0]
        k = prod(weights.shape[1:])
        m = prod(self.case.output_shape) // n
        x, w, b = self._operand("input"), self._memory(weights), self._memory(self._bias((m, n)))

        def enqueue(queue: int, event: Buffer | None) -> dict[str, Bound]:
            copy = self.computer.copy(b, self.result, self._size, queue)
            if m == 1:
                of = (_ROW_MAJOR, _PLAIN, n, k, self._one, w, 0, k, x, 0, 1, self._one, self.result, 0, 1)
                return {"bias": copy, "gemv": self._bind("gemv", *of, queue=queue, event=event)}
            shape = (_ROW_MAJOR, _PLAIN, _TRANSPOSED, m, n, k)
            factors = (self._one, x, 0, k, w, 0, k, self._one, self.result, 0, n)
            return {"bias": copy, "gemm": self._bind("gemm", *shape, *factors, queue=queue, event=event)}

        return enqueue

    def add(self) -> Enqueue:
        """A copy of one operand, and the other added to it."""
        size, one, other = prod(self.case.output_shape), self._operand("input"), self._operand("input2")

        def enqueue(queue: int, event: Buffer | None) -> dict[str, Bound]:
            return {
                "copy": self.computer.copy(other, self.result, self._size, queue),
                "axpy": self._bind("axpy", size, self._one, one, 0, 1, self.result, 0, 1, queue=queue, event=event),
            }

        return enqueue

    def convolve(self) -> Enqueue:
        """Of one group, opposite sides padded alike; in NCHW, and so is the result until it is collected."""
        attributes = self.case.attributes
        if attributes["groups"] != 1:
            raise NotOffered(f"CLBlast convolves one group, and the layer has {attributes['groups']}")
        top, left, bottom, right = attributes["pad_tlbr"]
        if (top, left) != (bottom, right):
            raise NotOffered(f"CLBlast pads opposite sides alike, and the layer by {[top, left, bottom, right]}")
        batch, height, width, channels = attributes["input"]
        _, rows, columns, count = self.case.output_shape
        image = self._memory(_channels_first(self.case.tensors["input"].reshape(batch, height, width, channels)))
        weights = self.case.tensors["weights"].reshape(count, *attributes["kernel"], channels)
        kernel = self._memory(_channels_first(weights))
        bias = self._memory(_channels_first(self._bias((batch, rows, columns, count))))
        size = prod(self.case.output_shape)
        window = (*attributes["kernel"], top, left, *attributes["stride"], *attributes.get("dilation", (1, 1)))
        raw = self._memory(self.output)  # NCHW
        pixels = rows * columns
        for at in range(batch):
            start = at * pixels * count
            of = (_ROW_MAJOR, _TRANSPOSED, count, pixels, self._one, raw, start, pixels, self.result, start, count)
            self._steps_to_collect[f"transposed {at}"] = self._bind("omatcopy", *of, queue=self.computer.queue)

        def enqueue(queue: int, event: Buffer | None) -> dict[str, Bound]:
            of = (_CORRELATION, channels, height, width, *window, count, batch, image, 0, kernel, 0, raw, 0)
            added = (size, self._one, bias, 0, 1, raw, 0, 1)
            return {
                "convgemm": self._bind("convgemm", *of, queue=queue),
                "axpy": self._bind("axpy", *added, queue=queue, event=event),
            }

        return enqueue

    def collect(self) -> Bound:
        """Bring the result back, and make sure that the next one is not this one again."""
        steps = {
            **self._steps_to_collect,
            "read": self.computer.read(self.result, self.output),
            "untouched": self.computer.copy(self._untouched, self.result, self._size),
            "finish": self.computer.finish(),
        }
        return self.computer.process.chain("collecting the result", steps)

    def _bind(self, function: str, *arguments: Any, queue: int, event: Buffer | None = None) -> Bound:
        name = f"CLBlast{_PREFIX[self.case.dtype]}{function}"
        kept = np.array([queue], dtype=f"u{self.computer.process.abi.pointer_size}")
        return self.computer.process.bind(PROTOTYPES, name, *arguments, kept, event, returns=0)

    @property
    def _one(self) -> float | int:
        return _ONE[self.case.dtype]

    def _operand(self, key: str) -> int:
        return self._memory(self.case.tensors[key])

    def _memory(self, array: NDArray[Any] | Buffer) -> int:
        made = self.computer.memory(array)
        self.made.append(made)
        return made

    def _bias(self, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.ascontiguousarray(np.broadcast_to(self.case.tensors["bias"], shape))

    def _expect_plain(self) -> None:
        attributes = self.case.attributes
        plain = (tuple(attributes["stride"]), tuple(attributes["pad_tlbr"]), attributes["groups"])
        if plain != ((1, 1), (0, 0, 0, 0), 1):
            raise NotOffered("a 1x1 convolution with strides, padding or groups is no product of matrices")


def _channels_first(array: NDArray[Any]) -> NDArray[Any]:
    """[n, height, width, channels] as [n, channels, height, width]."""
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
