"""What the agent samples beside a duet, and what it counts."""

from pathlib import Path

import pytest

from ontarget.harness.agent.frames import Counter
from ontarget.harness.agent.process import Bound
from ontarget.harness.agent.session import AgentSession, DuetPlan
from ontarget.harness.errors import ProtocolError, UncountedDevice
from support.agents import spawn
from support.culprit import PROTOTYPES

PLAN = DuetPlan(bursts=5, samples_per_burst=3, calls_per_sample=1, discard=0, warmup_calls=1, first=0, deadline=30.0)


def bound(session: AgentSession, library: Path, label: str) -> Bound:
    return spawn(session, library, label).bind(PROTOTYPES, "add", 1, 2)


def test_files_are_sampled_between_the_bursts_of_a_duet(session: AgentSession, culprit: Path, tmp_path: Path) -> None:
    told = tmp_path / "clock"
    told.write_text("1800000\n")
    session.watch([str(told), str(tmp_path / "absent")], period=0.0)
    sides = bound(session, culprit, "candidate"), bound(session, culprit, "baseline")
    session.duet(*sides, PLAN)
    found = session.watched()
    assert found.samples
    assert all(sample.contents == (b"1800000\n", None) for sample in found.samples)
    assert list(found.samples) == sorted(found.samples, key=lambda sample: sample.seconds)
    assert 0 < found.spent < found.total
    assert session.watched().samples == ()
    told.write_text("600000\n")
    session.watch([str(told)], period=0.0)
    session.duet(*sides, PLAN)
    assert session.watched().samples[0].contents == (b"600000\n",)


def test_a_sample_that_costs_much_is_taken_seldom(session: AgentSession, culprit: Path) -> None:
    # the kernel makes this file up from all mappings of the agent: no sample is cheap
    session.watch(["/proc/self/smaps"] * 16, period=0.0)
    sides = bound(session, culprit, "candidate"), bound(session, culprit, "baseline")
    for _ in range(3):
        session.duet(*sides, PLAN)
    found = session.watched()
    assert 0 < len(found.samples) < 3 * 2 * PLAN.bursts


def test_an_empty_watch_samples_nothing(session: AgentSession, culprit: Path) -> None:
    session.watch([])
    session.duet(bound(session, culprit, "candidate"), bound(session, culprit, "baseline"), PLAN)
    assert session.watched().samples == ()


def test_instructions_are_counted_or_it_is_said_why_not(session: AgentSession, culprit: Path) -> None:
    call = bound(session, culprit, "candidate")
    try:
        few = call.process.count(call, [Counter.INSTRUCTIONS, Counter.CYCLES], calls=1000)[Counter.INSTRUCTIONS]
    except UncountedDevice as error:
        reason = str(error)
    else:
        many = call.process.count(call, [Counter.INSTRUCTIONS], calls=100_000)[Counter.INSTRUCTIONS]
        assert 10 < many / few < 110
        reason = "perf_event_paranoid"
    assert "perf_event_paranoid" in reason
    assert call.process.run(call) == 3


def test_a_counter_that_is_none_is_refused(session: AgentSession, culprit: Path) -> None:
    call = bound(session, culprit, "candidate")
    with pytest.raises(ProtocolError):
        call.process.count(call, [77])  # type: ignore[list-item]
