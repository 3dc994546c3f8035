"""A net on a device: one process, each layer's output handed to the next, all of it one call."""

from collections.abc import Callable, Mapping

from ontarget.harness.agent.process import Bound, Buffer, Process
from ontarget.harness.binding import Binding
from ontarget.harness.errors import NotOffered
from ontarget.suites.nets.building import Built, Step

DTYPE = "f32"

# What an input of a net may be read beyond: as much as any binding of ours asks for.
_PADDING = 64


def lacking(binding: Binding, built: Built) -> dict[str, str]:
    """The operators of the net that the binding has not, with its reasons."""
    wanted = dict.fromkeys(step.case.op for step in built.steps if not step.is_view)
    return {op: reason for op in wanted if (reason := binding.offers(op, DTYPE)) is not None}


def prepared(binding: Binding, built: Built) -> Callable[[Process], Bound]:
    """What sets the net up in a fresh process; the returned call runs all of it, its steps are the layers.

    Its buffers are the activations, by node, and the last of them "output". Raises NotOffered, naming the operators.
    """
    if missing := lacking(binding, built):
        reasons = "; ".join(missing.values())
        raise NotOffered(f"{built.net.name}: {', '.join(missing)} not offered ({reasons})")

    def call(library: Process) -> Bound:
        binding.start(library)
        made: dict[str, Buffer] = {
            name: library.buffer(array, name=name, padding=_PADDING) for name, array in built.inputs.items()
        }
        calls: dict[str, Bound] = {}
        for step in built.steps:
            if step.is_view:
                made[step.node.name] = made[step.node.inputs[0]]
                continue
            bound = _set_up(binding, library, step, made)
            calls[step.node.name] = bound
            made[step.node.name] = bound.buffers["output"]
        made["output"] = made[built.steps[-1].node.name]
        return library.chain(built.net.name, calls).naming(**made)

    return call


def _set_up(binding: Binding, library: Process, step: Step, made: Mapping[str, Buffer]) -> Bound:
    for key, one in step.feeds.items():
        library.hand(step.case.tensors[key], made[one])
    try:
        return binding.prepare(library, step.case)
    except NotOffered as error:
        raise NotOffered(f"{step.case.layer}: {error}", device=library.device) from error
