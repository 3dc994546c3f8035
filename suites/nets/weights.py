"""A net's weights and biases: parts of one read-only array, which goes to a device once."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Parts begin on pages, so that a device maps them.
_STEP = 1024
Floats = NDArray[np.float32]


class Weights:
    """Draws standard normal numbers, each scaled: first `take` all, then `fix`, and `parts` are the arrays."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._asked: list[tuple[tuple[int, ...], float, float]] = []

    def take(self, shape: tuple[int, ...], deviation: float, mean: float = 0.0) -> int:
        """The number of the part; its values have this deviation and mean."""
        self._asked.append((shape, deviation, mean))
        return len(self._asked) - 1

    def fix(self) -> list[Floats]:
        """The parts, read-only, by number."""
        sizes = [-(-prod(shape) // _STEP) * _STEP for shape, _, _ in self._asked]
        whole: NDArray[Any] = np.zeros(sum(sizes), np.float32)
        starts = np.cumsum([0, *sizes])
        for (shape, deviation, mean), start in zip(self._asked, starts, strict=False):
            part = whole[start : start + prod(shape)]
            part[:] = self._rng.standard_normal(part.size, dtype=np.float32) * np.float32(deviation) + np.float32(mean)
        whole.flags.writeable = False
        return [
            whole[start : start + prod(shape)].reshape(shape)
            for (shape, _, _), start in zip(self._asked, starts, strict=False)
        ]
