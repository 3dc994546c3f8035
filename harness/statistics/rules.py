"""The seam behind which a verdict is reached, and the figures that are asked of it unless a test says otherwise."""

from typing import Any, Protocol

from numpy.typing import NDArray

from ontarget.harness.outcomes import Answer

ALPHA = 0.00025  # false alarms per test, before confirmation: under 5 % for a commit of 200 tests
PASS_ALPHA = 0.05  # real slow-downs of the target that pass
CONFIRM_ALPHA = 0.01
TARGET = 0.02
SMALLEST_EFFECT = 0.005


class Rule(Protocol):
    """Decides after every valid launch pair whether the evidence is enough."""

    @property
    def budget(self) -> int:
        """The number of pairs after which no answer means inconclusive."""
        ...

    def look(self, differences: NDArray[Any], *, last: bool = False) -> Answer | None:
        """Judge the raw differences log(candidate/baseline) [pairs], in measuring order; None asks for more pairs.

        `last`: there will be no more, so that nothing is waited for.

        It is called after every pair and must be fair however often that is.
        """
        ...

    def e_value(self, differences: NDArray[Any]) -> float | None:
        """The present evidence against "no slow-down" as an e-value, None where the rule has none."""
        ...
