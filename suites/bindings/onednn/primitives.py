"""oneDNN's way to run anything: a primitive of described operands, executed in a stream of an engine.

Descriptions are structs that the library fills in, and an execution takes an array of (which, memory): in all of them
the library writes its pointers to where they are read from, so that most of it is sent without waiting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.agent.buffers import Inside
from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.errors import NotOffered, UnexpectedReturn

PROTOTYPES = resources.files(__package__).joinpath("dnnl.h").read_text("utf-8")

# By dnnl_types.h.
TYPES = {"float32": 3, "int32": 4, "int8": 5, "uint8": 6}
FORWARD_INFERENCE = 96
SOURCE, SOURCE_2, SOURCE_3 = 1, 2, 3
TARGET, TARGET_2, TARGET_3 = 17, 18, 19
WEIGHTS, WEIGHTS_2, BIAS, SCALE, SHIFT = 33, 34, 41, 51, 52

_SUCCESS, _UNIMPLEMENTED = 0, 3
_CPU, _IN_ORDER, _ANY = 1, 1, 1
_WEIGHTS_OF = 131  # dnnl_query_weights_md
_LINEAR = 127
# sizeof(dnnl_memory_desc_t) is 696, that of the largest description of an operation, dnnl_rnn_desc_t, 15344.
_MEMORY_DESC, _OP_DESC = 1024, 16384
_ALIGNMENT = 64


@dataclass(frozen=True)
class Operand:
    """Described memory: `description` is a dnnl_memory_desc_t, `place` where the elements lie.

    `memory` is the library's object for it, 0 where each execution makes its own.
    """

    description: Buffer | int
    place: Buffer | Inside | int
    memory: int = 0


class Primitives:
    """Makes primitives in a process, with an engine and a stream of its own, and what frees them all."""

    def __init__(self, library: Process, what: str) -> None:
        self.library = library
        self.what = what
        self._undo: list[Bound] = []
        self._engine, self._stream = library.cell(), library.cell()
        self._make("dnnl_engine_create", "dnnl_engine_destroy", self._engine, _CPU, 0)
        self._make("dnnl_stream_create", "dnnl_stream_destroy", self._stream, self._engine.value, _IN_ORDER)

    def operand(
        self,
        place: Buffer | Inside,
        dimensions: Sequence[int],
        strides: Sequence[int] | None = None,
        dtype: np.dtype[Any] | None = None,
    ) -> Operand:
        """Memory as it lies; `strides` in elements, by default dense."""
        kind = dtype or (place.buffer if isinstance(place, Inside) else place).dtype
        lies = dense(dimensions) if strides is None else strides
        described = self._struct(_MEMORY_DESC)
        sizes = _dims(dimensions), TYPES[kind.name], _dims(lies)
        self._send("dnnl_memory_desc_init_by_strides", described, len(dimensions), *sizes)
        return Operand(described, place)

    def as_it_likes(self, dimensions: Sequence[int], dtype: np.dtype[Any]) -> Buffer:
        """A description that leaves the layout to the library."""
        described = self._struct(_MEMORY_DESC)
        kind = TYPES[dtype.name]
        self._send("dnnl_memory_desc_init_by_tag", described, len(dimensions), _dims(dimensions), kind, _ANY)
        return described

    def on_grid(
        self,
        *,
        scale: float | None = None,
        scales: Mapping[int, float] | None = None,
        zero_points: Mapping[int, int] | None = None,
        line: tuple[float, float] | None = None,
    ) -> Buffer:
        """Attributes: the sum's scale, that of sources, zero points, and (a, b) of an a y + b at the end."""
        attributes = self.library.cell()
        self._make("dnnl_primitive_attr_create", "dnnl_primitive_attr_destroy", attributes)
        if scale is not None:
            self._send("dnnl_primitive_attr_set_output_scales", attributes.value, 1, 0, np.array([scale], np.float32))
        for which, factor in (scales or {}).items():
            given = which, 1, 0, np.array([factor], np.float32)
            self._send("dnnl_primitive_attr_set_scales", attributes.value, *given)
        for which, point in (zero_points or {}).items():
            points = which, 1, 0, np.array([point], np.int32)
            self._send("dnnl_primitive_attr_set_zero_points", attributes.value, *points)
        if line is not None:
            last = self.library.cell()
            self._make("dnnl_post_ops_create", "dnnl_post_ops_destroy", last)
            self._send("dnnl_post_ops_append_eltwise", last.value, 1.0, _LINEAR, *line)
            self._send("dnnl_primitive_attr_set_post_ops", attributes.value, last.value)
        return attributes

    def describe(self, function: str, *given: Any, attributes: Buffer | None = None) -> Buffer:
        """The description of a primitive for the operation that `function` fills in. Raises NotOffered."""
        operation, described = self._struct(_OP_DESC), self.library.cell()
        self._send(function, operation, *given)
        attr = None if attributes is None else attributes.value
        create = "dnnl_primitive_desc_create"
        status = self.library.call(PROTOTYPES, create, described, operation, attr, self._engine.value, None)
        if status == _UNIMPLEMENTED:
            raise NotOffered(f"{self.what}: {create} says that it has none for this processor", device=self._device)
        if status != _SUCCESS:
            raise UnexpectedReturn(
                f"{self.what}: {create} returned {status}, expected {_SUCCESS}",
                returned=int(status or 0),
                expected=_SUCCESS,
                device=self._device,
                function=create,
            )
        self._undo.append(self._bind("dnnl_primitive_desc_destroy", described.value))
        return described

    def packed(self, described: Buffer, weights: Operand, index: int = 0) -> Operand:
        """A copy of weights in the layout that the described primitive wants."""
        query = "dnnl_primitive_desc_query_md"
        wanted = int(self.library.call(PROTOTYPES, query, described.value, _WEIGHTS_OF, index) or 0)
        packed = self._allocated(wanted)
        step, memories = self._reorder(weights, packed)
        self.library.run(step)
        return replace(packed, memory=memories[TARGET])

    def scratch(self, dimensions: Sequence[int], dtype: np.dtype[Any]) -> Operand:
        """Dense memory of the library's own, for results that nobody asks for."""
        described = self._struct(_MEMORY_DESC)
        sizes = _dims(dimensions), TYPES[dtype.name], _dims(dense(dimensions))
        self._send("dnnl_memory_desc_init_by_strides", described, len(dimensions), *sizes)
        return self._allocated(described)

    def moved(self, source: Operand, target: Operand) -> Bound:
        """A call that copies one operand to another of the same dimensions, each as it lies."""
        return self._reorder(source, target)[0]

    def execution(self, described: Buffer, operands: Mapping[int, Operand]) -> Bound:
        """A call that runs the primitive once, and waits for it."""
        return self._execution(described, operands)[0]

    def undone(self) -> Bound:
        """A call that frees all that was made, the last first."""
        return self.library.chain(f"freeing {self.what}", {str(at): one for at, one in enumerate(self._undo[::-1])})

    def _reorder(self, source: Operand, target: Operand) -> tuple[Bound, Mapping[int, int]]:
        described, engine = self.library.cell(), self._engine.value
        sides = source.description, engine, target.description, engine
        create, destroy = "dnnl_reorder_primitive_desc_create", "dnnl_primitive_desc_destroy"
        self._make(create, destroy, described, *sides, None)
        return self._execution(described, {SOURCE: source, TARGET: target})

    def _execution(self, described: Buffer, operands: Mapping[int, Operand]) -> tuple[Bound, Mapping[int, int]]:
        """The call, and the memory objects by what they are for."""
        primitive = self.library.cell()
        self._make("dnnl_primitive_create", "dnnl_primitive_destroy", primitive, described.value)
        # struct {int arg; dnnl_memory_t memory;}, whose first half is as long as the pointer
        pairs = np.zeros((len(operands), 2), f"u{self.library.abi.pointer_size}")
        pairs[:, 0] = list(operands)
        pairs[:, 1] = [operand.memory for operand in operands.values()]
        arguments = self.library.buffer(pairs, name="arguments", misalignment=0, alignment=_ALIGNMENT)
        for at, operand in enumerate(operands.values()):
            if not operand.memory:
                place = arguments.at(2 * at + 1)
                self._send("dnnl_memory_create", place, operand.description, self._engine.value, operand.place)
        memories = dict(zip(operands, map(int, self.library.read(arguments)[:, 1]), strict=True))
        new = [memories[which] for which, operand in operands.items() if not operand.memory]
        self._undo += [self._bind("dnnl_memory_destroy", memory) for memory in new]
        run = self._bind("dnnl_primitive_execute", primitive.value, self._stream.value, len(operands), arguments)
        wait = self._bind("dnnl_stream_wait", self._stream.value)
        return self.library.chain(self.what, {"execute": run, "wait": wait}), memories

    def _allocated(self, description: Buffer | int) -> Operand:
        return Operand(description, 2 ** (8 * self.library.abi.pointer_size) - 1)  # DNNL_MEMORY_ALLOCATE

    @property
    def _device(self) -> str:
        return self.library.device

    def _struct(self, size: int) -> Buffer:
        return self.library.buffer(size, np.uint8, name="description", misalignment=0, alignment=_ALIGNMENT)

    def _make(self, create: str, destroy: str, cell: Buffer, *given: Any) -> None:
        self._send(create, cell, *given)
        self._undo.append(self._bind(destroy, cell.value))

    def _send(self, function: str, *given: Any) -> None:
        self.library.send(PROTOTYPES, function, *given, returns=_SUCCESS)

    def _bind(self, function: str, *given: Any) -> Bound:
        return self.library.bind(PROTOTYPES, function, *given, returns=_SUCCESS)


def dense(dimensions: Sequence[int]) -> list[int]:
    """Strides of an array in C's order, in elements."""
    return [int(np.prod(dimensions[at + 1 :])) for at in range(len(dimensions))]


def _dims(numbers: Sequence[int]) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)
