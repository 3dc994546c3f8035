"""An e-process against "no slow-down": evidence that may be looked at after every pair, and stopped at any time.

Whatever the data, if the sign of each d is fair given |d| and the past, the chance that the e-process ever reaches
1/alpha is at most alpha (Ville 1939; Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe
anytime-valid inference"). An average of e-processes is one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.statistics.bets import history_free_bets, learned_bets

FloatArray = NDArray[np.float64]


def e_process(d: NDArray[Any], history: NDArray[Any] | None = None) -> FloatArray:
    """The e-values after each of the differences d [..., n]; same shape.

    Half of the wealth is bet by `learned_bets`, half by `history_free_bets`. Against a null that is centred below 0
    only the latter is proven, so the former counts while the median of d is above 0.
    """
    values = np.asarray(d, dtype=np.float64)
    free = _wealth(history_free_bets(values), values)
    learned = _wealth(learned_bets(values, history), values)
    medians = np.stack([np.median(values[..., : i + 1], axis=-1) for i in range(values.shape[-1])], axis=-1)
    return np.asarray((free + np.where(medians > 0, learned, 0.0)) / 2)


def _wealth(bets: FloatArray, d: FloatArray) -> FloatArray:
    """The average wealth of the bettors, bets [bettors, ..., n], after each d [..., n]; a d of 0 pays nothing."""
    return np.asarray(np.mean(np.cumprod(1 + bets * np.sign(d), axis=-1), axis=0))
