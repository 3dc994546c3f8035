"""oneDNN 2: Debian's libdnnl2, on amd64 and arm64.

Quite unlike a library of kernels: operations are described to it, it picks an implementation (compiled as it goes, on
x86) and the layout of weights, and executes in a stream. It runs on as many OpenMP threads as the process may use.
"""

from collections.abc import Callable

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered
from ontarget.suites.bindings.onednn.layers import OPERATORS, Place
from ontarget.suites.bindings.onednn.primitives import PROTOTYPES, Primitives
from ontarget.suites.bindings.onednn.promises import unpromised as unpromised

name = "onednn"
soname = "libdnnl.so.2"


def offers(op: str, dtype: str) -> str | None:
    """None if oneDNN 2 has the operator in the dtype, else why not."""
    operator = OPERATORS.get(op)
    if operator is None:
        return f"oneDNN has no {op}"
    if dtype in operator.dtypes:
        return None
    has = " and ".join(operator.dtypes)
    if dtype == "f16":
        return f"oneDNN 2 computes no f16 on processors, {op} in {has}"
    return f"oneDNN 2 has no {op} in {dtype}, with a grid for each of input and output; it has {has}"


def lacks(op: str, dtype: str, exports: Callable[[str], bool]) -> str | None:
    """None if a library with these functions can run the operator, else why not."""
    del dtype
    function = OPERATORS[op].function
    return None if exports(function) else f"the library exports no {function}: oneDNN 3 has other functions"


def start(library: Process) -> None:
    """As many OpenMP threads as the process may use; a library of another runtime keeps its own count."""
    if library.offers("omp_set_num_threads"):
        library.send(PROTOTYPES, "omp_set_num_threads", library.threads)


def prepare(library: Process, case: Case) -> Bound:
    """Make the case's primitive, with its weights packed; the returned call runs it and writes the buffer "output"."""
    if reason := offers(case.op, case.dtype):
        raise NotOffered(reason)
    if reason := lacks(case.op, case.dtype, library.offers):
        raise NotOffered(f"{library.label}: {reason}", device=library.device)
    make = Primitives(library, f"{case.op} {case.dtype}")
    inputs = {key: library.buffer(stored, name=key) for key, stored in case.tensors.items() if key.startswith("input")}
    output = inputs["input"] if case.in_place else library.buffer(case.output_shape, case.output_dtype, name="output")
    run = OPERATORS[case.op].prepare(Place(make, case, inputs, output))
    return run.naming(**inputs, output=output).undone_by(make.undone())
