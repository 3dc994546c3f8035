"""The seam to a kernel library: a binding says how its C functions run a layer."""

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from numpy.typing import NDArray

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.errors import UserError

# Where the bindings that ship are found by their names.
SHIPPED = "ontarget.suites.bindings"


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation, real = scale * (value - zero_point); `scale` may be per output channel."""

    scale: float | tuple[float, ...]
    zero_point: int = 0


@dataclass(frozen=True)
class Case:
    """One layer in one dtype with its inputs: what a binding runs and a reference computes.

    `attributes` are the layer's own figures (kernel, stride, pad_tlbr, groups ...), `tensors` its operands in the dtype
    that the library sees (input NHWC, weights OHWI or [n, k], bias; large ones are read-only), `quantization` how
    tensors map to real numbers, `output_shape` and `output_dtype` (NumPy's name) what the library has to write;
    `in_place`: it is to write that over "input".
    """

    op: str
    dtype: str
    layer: str
    attributes: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]
    output_shape: tuple[int, ...]
    output_dtype: str
    quantization: Mapping[str, Quantization] = field(default_factory=dict)
    in_place: bool = False


class Binding(Protocol):
    """How one library runs layers: a module with these names, or one whose `BINDING` has them. The least of one:

    name, soname = "mylib", "libmylib.so.1"
    PROTOTYPES = "void relu(size_t n, const float *x, float *y);"

    def offers(op, dtype):
        return None if (op, dtype) == ("relu", "f32") else f"no binding of {op} in {dtype} for {name}"

    def start(library):
        pass

    def prepare(library, case):
        x, y = case.tensors["input"], library.buffer(case.output_shape, case.output_dtype)
        return library.bind(PROTOTYPES, "relu", x.size, x, y).naming(output=y)

    Memory that it asks for by shape need not hold zeros. With a function `unpromised(op, dtype, promise)` it says why
    its library does not promise what the suites' hard inputs ask for ("nan", "in_place" ...), None if it does.
    Where something else than the CPU computes, it says which `backend` ("opencl"), which `environment` its processes
    get beyond what the backend needs, and which function `ends` a call ("clFinish"): the last one that it makes, which
    returns when the work is done.
    """

    name: str
    soname: str

    def offers(self, op: str, dtype: str) -> str | None:
        """None if the binding can run the operator in the dtype, else the reason why not, for people."""
        ...

    def start(self, library: Process) -> None:
        """Initialise the library in a fresh process (xnn_initialize and the like)."""
        ...

    def prepare(self, library: Process, case: Case) -> Bound:
        """Create and set up the layer in a fresh process, and return the call that runs it once.

        The returned call's output is named "output"; `Bound.undone_by` gives it a call that frees what was created.
        Raises NotOffered where the library lacks the function.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """A binding that can tell from what a library exports what that library lacks."""

    def lacks(self, op: str, dtype: str, exports: Callable[[str], bool]) -> str | None:
        """None if a library can run the operator in the dtype, else why not; `exports` says if it has a function.

        Asked for what `offers` agrees to only.
        """
        ...


def backend_of(binding: object) -> str:
    """What computes what a binding runs."""
    found: str = getattr(binding, "backend", "cpu")
    return found


def environment_of(binding: object) -> Mapping[str, str]:
    """What a binding's processes get."""
    found: Mapping[str, str] = getattr(binding, "environment", {})
    return found


def check_end(binding: object, bound: Bound) -> None:
    """Raise UserError if a call does not end with what its binding says: its time would be that of handing over."""
    ends = getattr(binding, "ends", None)
    last = list(bound.steps.values())[-1] if bound.steps else bound
    if backend_of(binding) != "cpu" and (ends is None or last.function != ends):
        raise UserError(
            f"the call ends with {last.function}, and work on {backend_of(binding)} is done when "
            f"{ends or 'something'} returns: expected the binding to name what ends a call, and to call that last"
        )


def load_binding(name: str) -> Binding:
    """Return the binding of that name, or of that dotted module. Raises UserError.

    A binding is a module with the names that `Binding` lists, or one whose `BINDING` has them. One that does not ship
    is looked for where Python looks, and then in the working folder.
    """
    modules = [name] if "." in name else [f"{SHIPPED}.{name}", name]
    for module_name in modules:
        if not module_name.startswith(f"{SHIPPED}.") and (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            # one that the binding itself misses is another matter
            if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
                raise UserError(f"--binding {name}: {module_name} needs a module that is not there: {error}") from error
            continue
        found = getattr(module, "BINDING", module)
        missing = [part for part in ("name", "soname", "offers", "start", "prepare") if not hasattr(found, part)]
        if missing:
            raise UserError(f"--binding {name}: {module_name} is no binding, it lacks {', '.join(missing)}")
        return cast(Binding, found)
    raise UserError(f"--binding {name}: no such module, looked for {' and '.join(modules)}")
