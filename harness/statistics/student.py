"""Student's t for whole degrees of freedom, on the standard library alone (Abramowitz and Stegun 26.7.3 and 26.7.4)."""

from math import atan, cos, pi, sin, sqrt


def cdf(t: float, freedom: int) -> float:
    """P(T <= t). Raises ValueError for less than one degree of freedom."""
    if freedom < 1:
        raise ValueError(f"expected at least one degree of freedom, found {freedom}")
    angle = atan(t / sqrt(freedom))
    square = cos(angle) ** 2
    if freedom % 2:
        term = total = cos(angle) if freedom > 1 else 0.0
        for k in range(3, freedom - 1, 2):
            term *= square * (k - 1) / k
            total += term
        return 0.5 + (angle + sin(angle) * total) / pi
    term = total = 1.0
    for k in range(2, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    return 0.5 + sin(angle) * total / 2


def upper_quantile(alpha: float, freedom: int) -> float:
    """The t above which a share `alpha` (0 to 1/2) lies."""
    low, high = 0.0, 1.0
    while cdf(-high, freedom) > alpha:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(-middle, freedom) > alpha else (low, middle)
    return high
