"""XNNPACK: Debian's libxnnpack0 of 2022, and the library of 2026 that the executorch wheel carries.

The two have other functions with other arguments. Which of them a library has is seen from what it exports, in each
process anew, so that the candidate may be of one and the baseline of the other. Operators run on the calling thread,
or on a pool of as many threads as the process may use.
"""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.binding import Case
from ontarget.harness.errors import NotOffered, UnexpectedReturn
from ontarget.suites.bindings.xnnpack import arguments, moves, of_2022, of_2026
from ontarget.suites.bindings.xnnpack.promises import unpromised as unpromised

name = "xnnpack"
soname = "libXNNPACK.so.0"

_SUCCESS = 0
_UNSUPPORTED_HARDWARE = 5
_INTERFACES: dict[str, ModuleType] = {"2022": of_2022, "2026": of_2026}
_DTYPES = ("f32", "f16", "qs8", "qu8")

# By pthreadpool.h; the library is linked to it.
_POOL = """
typedef struct pthreadpool *pthreadpool_t;
pthreadpool_t pthreadpool_create(size_t threads_count);
"""


def offers(op: str, dtype: str) -> str | None:
    """None if one of the two interfaces has the operator in the dtype, else why not."""
    if any(interface.needs(op, dtype) or moves.needs(op, dtype, year) for year, interface in _INTERFACES.items()):
        return None
    return _instead(op, dtype, "XNNPACK", list(_INTERFACES.values()))


def lacks(op: str, dtype: str, exports: Callable[[str], bool]) -> str | None:
    """None if a library with these functions can run the operator in the dtype, else why not."""
    found = _interface(exports)
    if found is None:
        return "the library is neither of early 2022 nor of 2026, and what is between takes other arguments"
    year, interface = found
    needed = interface.needs(op, dtype) or moves.needs(op, dtype, year)
    if not needed:
        return _instead(op, dtype, f"XNNPACK of {year}", [interface])
    missing = [function for function in needed if not exports(function)]
    return f"the library exports no {' and no '.join(missing)}" if missing else None


def start(library: Process) -> None:
    library.send(of_2022.PROTOTYPES, "xnn_initialize", None, returns=_SUCCESS)


def prepare(library: Process, case: Case) -> Bound:
    """Create and set up the case's operator; the returned call runs it and writes the buffer "output"."""
    if reason := offers(case.op, case.dtype):
        raise NotOffered(reason)
    if reason := lacks(case.op, case.dtype, library.offers):
        raise NotOffered(f"{library.label}: {reason}", device=library.device)
    found = _interface(library.offers)
    year, interface = ("2022", of_2022) if found is None else found
    if moves.needs(case.op, case.dtype, year):
        return moves.prepare(library, case, year, thread_pool(library))
    handle = library.cell()
    inputs = arguments.inputs(library, case)
    output = inputs["input"] if case.in_place else arguments.output(library, case)
    function, given = interface.create(library, case, handle)
    _create(library, case.dtype, interface.PROTOTYPES, function, given)
    pool = thread_pool(library)
    interface.set_up(library, case, handle, inputs, output, pool)
    bind = partial(library.bind, interface.PROTOTYPES, returns=_SUCCESS)
    delete = bind("xnn_delete_operator", handle.value)
    return bind("xnn_run_operator", handle.value, pool).naming(**inputs, output=output).undone_by(delete)


def thread_pool(library: Process) -> int | None:
    """A pool of as many threads as the process may use, the caller's own among them; NULL, no pool, for one.

    One in a process, for all its operators: idle threads of others would spin, and take its cores.
    """
    if library.threads == 1:
        return None
    if library in _pools:
        return _pools[library]
    pool = library.call(_POOL, "pthreadpool_create", library.threads)
    if not isinstance(pool, int) or pool == 0:
        raise UnexpectedReturn(
            f"pthreadpool_create({library.threads}) made no pool",
            expected=library.threads,
            returned=0,
            device=library.device,
            function="pthreadpool_create",
        )
    _pools[library] = pool
    return pool


_pools: WeakKeyDictionary[Process, int] = WeakKeyDictionary()


def _interface(exports: Callable[[str], bool]) -> tuple[str, ModuleType] | None:
    return next(((year, module) for year, module in _INTERFACES.items() if module.is_for(exports)), None)


def _instead(op: str, dtype: str, who: str, interfaces: list[ModuleType]) -> str:
    has = [other for other in _DTYPES if any(interface.needs(op, other) for interface in interfaces)]
    return f"{who} has no {op} in {dtype}; it has {' and '.join(has)}" if has else f"{who} has no {op}"


def _create(library: Process, dtype: str, prototypes: str, function: str, given: tuple[Any, ...]) -> None:
    """Raises NotOffered where the processor cannot: f16 needs instructions for it, and only the library knows which."""
    if dtype != "f16":
        library.send(prototypes, function, *given, returns=_SUCCESS)
        return
    status = library.call(prototypes, function, *given)
    if status == _UNSUPPORTED_HARDWARE:
        raise NotOffered(f"{function} says that this processor is not supported", device=library.device)
    if status != _SUCCESS:
        message = f"{function} returned {status}, expected {_SUCCESS}"
        raise UnexpectedReturn(message, returned=int(status or 0), expected=_SUCCESS, device=library.device)
