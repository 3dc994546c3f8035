"""Where in a tensor a result errs: the grid, the worst elements, and their picture."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ontarget.harness import plots
from ontarget.harness.conditions import Conditions
from ontarget.harness.metrics.comparison import Comparison, judged
from ontarget.harness.metrics.error_map import MOST_CELLS, WORST, map_differences, map_errors
from ontarget.harness.metrics.tolerance import Exact
from ontarget.harness.outcomes import Answer
from support.launch_pairs import launch_pair


def test_the_worst_elements_come_first_with_what_was_expected_and_found() -> None:
    expected = np.zeros((2, 30, 40))
    found = expected.astype("i4")
    found[1, 7, 9], found[0, 0, 3] = 5, -9
    errors = map_errors(found, expected, Exact())
    assert errors.off == 2
    assert [(element.index, element.expected, element.found) for element in errors.worst] == [
        ((0, 0, 3), 0.0, -9.0),
        ((1, 7, 9), 0.0, 5.0),
    ]
    row = int(np.searchsorted(errors.rows, 30 + 7, side="right")) - 1
    column = int(np.searchsorted(errors.columns, 9, side="right")) - 1
    assert errors.cells[row, column] > 1
    assert np.count_nonzero(errors.cells) == 2


SHAPES = hnp.array_shapes(max_dims=4, max_side=6) | st.tuples(st.integers(1, 150), st.integers(1, 150))


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.data())
def test_any_tensor_has_a_map_whose_cells_hold_its_largest_errors(shape: tuple[int, ...], data: st.DataObject) -> None:
    found = np.zeros(shape, "f4")
    for place in data.draw(st.sets(st.integers(0, found.size - 1), max_size=15)):
        found.reshape(-1)[place] = data.draw(st.floats(width=32))
    errors = map_errors(found, np.zeros(found.shape), Exact())
    assert max(errors.cells.shape) <= MOST_CELLS
    assert (errors.rows[-1] * errors.columns[-1]) == found.size
    assert (float(errors.cells.max()) > 1) == (errors.off > 0)
    assert len(errors.worst) == min(WORST, int(np.count_nonzero((found != 0) | np.isnan(found))))
    shares = [element.share for element in errors.worst]
    assert shares == sorted(shares, reverse=True)
    json.dumps(errors.to_json(), allow_nan=False)


def test_a_lone_nan_is_in_the_picture() -> None:
    found = np.zeros((3, 5), "f4")
    found[2, 4] = np.nan
    picture = plots.error_map(map_errors(found, np.zeros((3, 5)), Exact()), title="softmax", message="wrong")
    text = "".join(ET.fromstring(picture).itertext())
    assert "axis 1 (5)" in text
    assert "wrong" in text


def test_what_two_runs_disagree_on_is_mapped() -> None:
    first = np.ones((4, 4), "f4")
    second = first.copy()
    second[3, 1] = 2.0
    errors = map_differences(first, second)
    assert [element.index for element in errors.worst] == [(3, 1)]


@pytest.mark.parametrize("timed", [True, False])
def test_the_conditions_share_the_differences_axis(timed: bool) -> None:
    rng = np.random.default_rng(1)
    pairs = [launch_pair(rng, 0.03) for _ in range(8)]
    pairs = [
        replace(
            pair,
            before=Conditions(temperature_c=50.0 + number, cpu_mhz=1500),
            after=Conditions(temperature_c=50.5 + number, throttled=number == 3),
            flaw="too hot" if number == 3 else None,
            began=2.0 * number if timed else None,
            ended=2.0 * number + 1 if timed else None,
        )
        for number, pair in enumerate(pairs)
    ]
    found = Comparison("latency", judged(Answer.REGRESSED, np.full(7, 0.03)), "slower", pairs=tuple(pairs))
    picture = plots.distributions(found)
    assert picture is not None
    text = "".join(ET.fromstring(picture).itertext())
    for words in ("50 to 57.5 °C", "1500 MHz", "throttled: 1", "not counted: 1"):
        assert words in text
    assert ("by the same seconds" in text) == timed
