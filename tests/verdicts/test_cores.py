"""Which core two sides share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.metrics.cores import choose_cores, parse_core_list


@given(st.sets(st.integers(0, 300), min_size=1))
def test_lists_of_cores_are_read_as_the_kernel_writes_them(cores: set[int]) -> None:
    ordered = sorted(cores)
    runs: list[list[int]] = []
    for core in ordered:
        if runs and runs[-1][-1] == core - 1:
            runs[-1].append(core)
        else:
            runs.append([core])
    text = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    assert parse_core_list(text + "\n") == tuple(ordered)


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_core_list("all")


def test_the_last_of_the_fastest_cores_are_taken() -> None:
    little, big = dict.fromkeys(range(4), 1800.0), dict.fromkeys(range(4, 8), 2400.0)
    assert choose_cores(range(8), little | big, 1) == (7,)
    assert choose_cores(range(8), big | {7: 1000.0}, 1) == (6,)
    assert choose_cores((0, 2, 5), little | big, 1) == (5,)
    assert choose_cores((0, 1), {}, 1) == (1,)
    assert choose_cores((), {}, 1) == ()


def test_threads_fill_the_fast_cluster_before_the_next() -> None:
    little, big = dict.fromkeys(range(4), 1800.0), dict.fromkeys(range(4, 8), 2400.0)
    assert choose_cores(range(8), little | big, 4) == (4, 5, 6, 7)
    assert choose_cores(range(8), little | big, 5) == (3, 4, 5, 6, 7)
    assert choose_cores((0, 1), {}, 4) == (0, 1)
