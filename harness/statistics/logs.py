"""Series at the edge: checked, and times in logs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def logs_of(series: ArrayLike) -> NDArray[np.float64]:
    """The logs of `series` [n]. Raises ValueError for other than one dimension of finite numbers above 0."""
    try:
        values = np.asarray(series, dtype=np.float64)
    except TypeError as error:
        raise ValueError(f"expected a series of numbers above 0, found {series!r}") from error
    if values.ndim != 1:
        raise ValueError(f"expected a series of one dimension, found {values.ndim}")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        raise ValueError(f"expected finite values above 0, found {values[wrong[0]]} at index {wrong[0]}")
    return np.log(values)


def finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """The values [n] as they are. Raises ValueError, with `name`, for other than one dimension of finite numbers."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"expected {name} as an array of one dimension, found {array.ndim}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"expected finite numbers in {name}, found {array[~np.isfinite(array)][0]}")
    return array
