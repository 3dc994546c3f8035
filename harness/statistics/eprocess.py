"""An e-process against "no slow-down": evidence that may be looked at after every pair, and stopped at any time.

Whatever the data, if the sign of each d is fair given |d| and the past, the chance that the e-process ever reaches
1/alpha is at most alpha (Ville 1939; Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe
anytime-valid inference"). An average of e-processes is one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.statistics.bets import history_free_bets, learned_bets, median

FloatArray = NDArray[np.float64]

_NO_HISTORY: FloatArray = np.empty(0)
_LARGEST = 1e300  # beyond it an e-value is cut, so that it stays a number


class EProcess:
    """The e-values of one series of differences, or of many side by side.

    Half of the wealth is bet by what was learned, half free of any history. A history may mislead: where one is given,
    half of the learned half knows nothing but the test's own past. Against a null that is centred below 0 only the
    history-free half is proven, so the learned half counts only while the median of d is above 0.
    """

    def __init__(self, target: float, history: NDArray[Any] | None = None) -> None:
        """`target` is the logarithm of the slow-down to be found, `history` holds A/A differences [any number]."""
        self._target = target
        known = _NO_HISTORY if history is None else np.asarray(history, dtype=np.float64)
        self._histories = (known, _NO_HISTORY) if known.size else (_NO_HISTORY,)
        self._restart(())

    def _restart(self, shape: tuple[int, ...]) -> None:
        self._seen: FloatArray = np.empty((*shape, 0))
        self._free: FloatArray = np.ones((1, *shape))
        self._learned: list[FloatArray] = [np.ones((1, *shape)) for _ in self._histories]
        self._values: list[FloatArray] = []

    def values(self, differences: NDArray[Any]) -> FloatArray:
        """The e-values after each of the differences d [..., n]; same shape.

        A function of its argument alone: what it remembers of the last one only saves time when that is continued.
        """
        d = np.asarray(differences, dtype=np.float64)
        seen = self._seen.shape[-1]
        if not np.array_equal(d[..., :seen], self._seen):
            self._restart(d.shape[:-1])
            seen = 0
        for i in range(seen, d.shape[-1]):
            self._values.append(self._after(d[..., :i], d[..., i]))
        self._seen = d.copy()
        return np.stack(self._values, axis=-1) if d.shape[-1] else np.empty(d.shape)

    def _after(self, past: FloatArray, d: FloatArray) -> FloatArray:
        """Settle the bets on the next difference d [...]; one of 0 pays nothing. Returns the e-value [...]."""
        size, sign = np.abs(d), np.sign(d)
        self._free = self._free * (1 + history_free_bets(past, size, self._target) * sign)
        self._learned = [
            wealth * (1 + learned_bets(past, size, self._target, history) * sign)
            for wealth, history in zip(self._learned, self._histories, strict=True)
        ]
        above = median(np.concatenate([past, d[..., None]], axis=-1)) > 0
        learned = sum(wealth.mean(axis=0) for wealth in self._learned) / len(self._learned)
        value = (self._free.mean(axis=0) + np.where(above, learned, 0.0)) / 2
        return np.asarray(np.minimum(value, _LARGEST))
