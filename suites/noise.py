"""The random numbers that large tensors are parts of: few arrays, which go to a device once and serve every layer.

Drawn afresh for each layer, the inputs of a suite would be hundreds of megabytes, and a serial line or an emulated
network carries a few each second. A tensor begins at one of many places in its array, chosen by its layer's generator.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of a quantised range of -127 to 127 about its zero point: 1 value in 16,000 of a normal distribution lies beyond, so
# that saturation is tested and does not hide the rest.
STEPS_PER_DEVIATION = 127 / 4

# Not 0, so that a kernel that forgets it is wrong.
ZERO_POINT = 3

# Of quantised weights, uniform in -127 to 127.
DEVIATION_OF_WEIGHTS = (127 * 128 / 3) ** 0.5

# Where parts begin, in bytes: a page of any device, so that their memory can be mapped.
_STEP = 1 << 16

_SEED = 20190216
_INPUTS = 1 << 21
_WEIGHTS = (1 << 22) + (1 << 19)


def part(kind: str, dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """A read-only tensor of standard normal numbers (f32), or of 8-bit steps (qs8).

    `kind` is "input" (quantised: normal, by STEPS_PER_DEVIATION and ZERO_POINT) or "weights" (quantised: uniform).
    Tensors of qu8 are those of qs8, 128 higher.
    """
    size = int(np.prod(shape))
    most = _INPUTS if kind == "input" else _WEIGHTS
    while size > most:  # the few layers that are larger share larger arrays
        most *= 4
    whole = _array(kind, dtype, most)
    places = (whole.nbytes - size * whole.itemsize) // _STEP + 1
    start = int(rng.integers(places)) * _STEP // whole.itemsize
    return whole[start : start + size].reshape(shape)


@cache
def _array(kind: str, dtype: str, size: int) -> NDArray[Any]:
    rng = np.random.default_rng([_SEED, size])
    if dtype == "qu8":
        whole: NDArray[Any] = _array(kind, "qs8", size).view(np.uint8) ^ np.uint8(128)
    elif dtype == "f16":
        whole = _array(kind, "f32", size).astype(np.float16)
    elif dtype == "qs8" and kind == "weights":
        whole = rng.integers(-127, 128, size=size, dtype=np.int8)
    else:
        whole = rng.standard_normal(size, dtype=np.float32)
        if dtype == "qs8":
            whole = np.clip(np.rint(whole * STEPS_PER_DEVIATION) + ZERO_POINT, -128, 127).astype(np.int8)
    whole.flags.writeable = False
    return whole
