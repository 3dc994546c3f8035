"""e-BH at the end of a run: what all comparisons say together is in the results, on the terminal and in the status."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.fixtures.joint import joint_regressions
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import CheckRecord, Verdict
from support.plugin_runs import CALL, SAXPY, Desk

# As if the device had told so: what is under test is what the controller makes of it.
PLANTED = CALL + (
    """
from ontarget.fixtures.recording import RECORDER
from ontarget.harness.outcomes import Answer, Outcome
from ontarget.harness.results import Verdict

@pytest.mark.parametrize("e_value", {e_values})
def test_it(device, request, e_value):
    verdict = Verdict(Answer.INCONCLUSIVE, 0.013, (0.008, 0.018), 20, e_value, None, 0.005)
    recorder = request.node.stash[RECORDER]
    recorder.record(Outcome.INCONCLUSIVE, seconds=1.0, message="1.3 % slower", check="latency", verdict=verdict)
"""
)


def record(
    e_value: float | None,
    answer: Answer = Answer.INCONCLUSIVE,
    *,
    number: int = 0,
    low: float | None = 0.01,
    confirmed: bool | None = None,
) -> CheckRecord:
    verdict = Verdict(answer, 0.02, (low, 0.03), 20, e_value, confirmed, 0.005)
    outcome = Outcome.REGRESSED if answer is Answer.REGRESSED else Outcome.INCONCLUSIVE
    return CheckRecord(f"test[{number}]", "pi4-03", "pi4", None, None, "latency", outcome, 1.0, "slower", verdict)


def test_many_small_pieces_of_evidence_add_up() -> None:
    """None of them reaches the 4,000 of one test; of ten with 500 each, e-BH believes all among ten quiet ones."""
    records = [record(500.0 if number < 10 else 1.0, number=number) for number in range(20)]
    changed, added = joint_regressions(records)
    assert [found.id for found in added] == [f"test[{number}]" for number in range(10)]
    assert all(found.outcome is Outcome.REGRESSED for found in added)
    assert all("joint evidence of 20" in found.message for found in added)
    assert [found.outcome for found in changed[10:]] == [Outcome.INCONCLUSIVE] * 10


@pytest.mark.parametrize(
    "kept",
    [
        record(1e6, low=0.001),  # too small to matter
        record(1e6, low=None),
        record(1e6, confirmed=False),  # fresh pairs had the last word
        record(1e6, Answer.INVALID),
        record(None),
    ],
)
def test_what_is_not_added(kept: CheckRecord) -> None:
    assert joint_regressions([kept]) == ([kept], [])


def test_a_spread_is_added_as_a_check_of_its_own() -> None:
    finding = {
        "check": "latency-spread",
        "message": "p90 off",
        "verdict": _wire(record(1e6).verdict),
        "differences": (),
    }
    whole = replace(record(1.0, Answer.PASS), findings=(finding,))
    changed, added = joint_regressions([whole])
    assert changed == [whole, *added]
    assert [(found.check, found.outcome) for found in added] == [("latency-spread", Outcome.REGRESSED)]
    assert added[0].message.endswith("p90 off")


def _wire(verdict: Verdict | None) -> dict[str, object]:
    assert verdict is not None
    return {
        "answer": str(verdict.answer),
        "effect": verdict.effect,
        "interval": list(verdict.interval),
        "pairs": verdict.pairs,
        "e_value": verdict.e_value,
        "confirmed": verdict.confirmed,
        "smallest_effect": verdict.smallest_effect,
    }


@given(
    st.lists(st.tuples(st.floats(0, 1e9) | st.just(float("inf")), st.sampled_from(list(Answer))), max_size=30),
)
def test_it_never_takes_a_regression_back(found: list[tuple[float, Answer]]) -> None:
    records = [record(e_value, answer, number=number) for number, (e_value, answer) in enumerate(found)]
    changed, added = joint_regressions(records)
    assert len(changed) == len(records)
    for before, after in zip(records, changed, strict=True):
        assert after in added or after == before
        if before.outcome is Outcome.REGRESSED:
            assert after == before


def test_the_run_fails_by_it_everywhere(desk: Desk) -> None:
    library = desk.library("good", SAXPY)
    desk.write("test_x.py", PLANTED.format(e_values="[500.0] * 10 + [1.0] * 10"))
    ran = desk.run("--on", "local", "--candidate", library, "--junitxml", "junit.xml")
    assert ran.status == 1, ran.output
    outcomes = [outcome for _, outcome in ran.outcomes()]
    assert outcomes == ["regressed"] * 10 + ["inconclusive"] * 10
    assert "10 failed" in ran.output
    assert "10 regressed" in ran.output
    assert "joint evidence of 20 comparisons" in ran.output
    assert (desk.folder / "junit.xml").read_text().count("joint evidence of 20") >= 10


def test_a_run_without_enough_evidence_stays_as_it_is(desk: Desk) -> None:
    library = desk.library("good", SAXPY)
    desk.write("test_x.py", PLANTED.format(e_values="[500.0] + [1.0] * 29"))
    ran = desk.run("--on", "local", "--candidate", library)
    assert ran.status == 0, ran.output
    assert {outcome for _, outcome in ran.outcomes()} == {"inconclusive"}
