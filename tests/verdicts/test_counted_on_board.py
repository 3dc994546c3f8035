"""A real virtual board: the same code counts the same, and a few parts in a thousand more are found."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ontarget.device_farm.boards import Board
from ontarget.harness.abi import Abi
from ontarget.harness.agent.session import Fence
from ontarget.harness.device import Clock, Device
from ontarget.harness.metrics.comparison import Comparison
from ontarget.harness.metrics.latency import Plan, compare
from ontarget.harness.metrics.pairs import Side
from ontarget.harness.metrics.selftest import against_itself
from ontarget.harness.outcomes import Answer
from support.boards import connected
from support.spinning import spin, spinning


@pytest.fixture(scope="module")
def device(shared_board: Callable[[str], Board]) -> Iterator[Device]:
    board = shared_board("virtual-cortex-a53")
    with (
        connected(board) as transport,
        Device.open(
            transport,
            name=board.name,
            kind="virtual",
            fence=Fence("verdicts", 1),
            clock=Clock.INSTRUCTIONS,
            root="/tmp/verdicts",  # a fence of its own
        ) as found,
    ):
        yield found


def counted(device: Device, folder: Path, permille: int, turns: int) -> Comparison:
    """`permille` against 2000: as no factor is 1, the builds differ in one constant alone."""
    theirs = device.deploy(spinning(folder, "baseline", permille=2000, abi=Abi.AARCH64))
    ours = device.deploy(spinning(folder, "candidate", permille=permille, abi=Abi.AARCH64))
    return compare(spin(turns), ours, theirs, rng=np.random.default_rng())


@pytest.mark.parametrize("turns", [500, 150_000, 1_000_000])
def test_the_same_code_counts_the_same(device: Device, tmp_path: Path, turns: int) -> None:
    found = counted(device, tmp_path, 2000, turns)
    assert found.check == "instructions"
    assert found.verdict.answer is Answer.PASS
    assert found.verdict.pairs == 1
    assert abs(found.verdict.effect or 0.0) <= 0.0005
    assert found.quantiles[Side.BASELINE].p50 == pytest.approx(6 * turns, rel=0.02)


@pytest.mark.parametrize(("permille", "answer"), [(2006, Answer.REGRESSED), (1994, Answer.IMPROVED)])
def test_three_parts_in_a_thousand_are_found(device: Device, tmp_path: Path, permille: int, answer: Answer) -> None:
    found = counted(device, tmp_path, permille, 150_000)
    assert found.verdict.answer is answer
    assert found.verdict.effect == pytest.approx(permille / 2000 - 1, abs=0.0005)
    assert "instructions" in found.message


def test_a_count_stands_by_itself_where_there_is_no_baseline(device: Device, tmp_path: Path) -> None:
    build = device.deploy(spinning(tmp_path, "candidate", permille=2000, abi=Abi.AARCH64))
    found = compare(spin(150_000), build, None, plan=Plan(level_pairs=1), rng=np.random.default_rng())
    assert (found.verdict.answer, found.message) == (Answer.INCONCLUSIVE, "no baseline")
    assert found.level is not None
    assert found.level.seconds == found.quantiles[Side.CANDIDATE].p50 == pytest.approx(6 * 150_000, rel=0.02)


def test_a_board_that_counts_resolves_a_part_in_a_thousand(device: Device, tmp_path: Path) -> None:
    build = device.deploy(spinning(tmp_path, "candidate", permille=2000, abi=Abi.AARCH64))
    comparison, found = against_itself(spin(150_000), build, plan=Plan(), rng=np.random.default_rng())
    assert found.answers == {"instructions": "pass"}
    assert found.resolution == 0.001
    assert comparison.verdict.pairs == 1
