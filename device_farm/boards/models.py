"""The kinds of virtual board: one QEMU machine, several processors."""

from dataclasses import dataclass

from ontarget.harness.errors import UserError


@dataclass(frozen=True)
class Model:
    """`name` is the device model in results; `cpu` is QEMU's word for the processor."""

    name: str
    cpu: str


MODELS = {
    model.name: model
    for model in (
        Model("virtual-cortex-a53", "cortex-a53"),
        Model("virtual-cortex-a72", "cortex-a72"),
        # The first of these with dot product and half-precision arithmetic: libraries pick other kernels on it.
        Model("virtual-cortex-a76", "cortex-a76"),
    )
}


def model_named(name: str) -> Model:
    """Raises UserError if there is no such model."""
    if name not in MODELS:
        raise UserError(f"no virtual board model {name!r}; there are: {', '.join(MODELS)}")
    return MODELS[name]
