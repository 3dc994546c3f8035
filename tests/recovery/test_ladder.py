"""Which rung is next, for every failure and every way in: a device is never worked on without end, or for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.errors import LeaseLost, StoreFailed, WaitRanOut
from ontarget.device_farm.ladder.deciding import (
    Attempt,
    GiveUp,
    Situation,
    Trouble,
    blames_device,
    next_step,
    trouble_after,
    trouble_of,
)
from ontarget.device_farm.ladder.rungs import LADDER, Act, Rung, limited
from ontarget.device_farm.leases.store import DeviceState
from ontarget.harness.errors import (
    AgentError,
    AuthenticationFailed,
    ConnectionLost,
    Crashed,
    DeadlineExceeded,
    DeployFailed,
    DeviceFull,
    Fenced,
    HostKeyRefused,
    TimedOut,
)

ALL = frozenset(Act)


def climbed(situation: Situation, ladder: tuple[Rung, ...] = LADDER) -> tuple[list[Act], GiveUp]:
    """The acts in their order, where none of them helps."""
    acts: list[Act] = []
    while not isinstance(step := next_step(ladder, situation), GiveUp):
        acts.append(step.act)
        tried = (*situation.tried, Attempt(step.act, 2.0, f"{step.act} has not helped"))
        situation = Situation(situation.trouble, situation.can, tried, situation.again, situation.said)
    return acts, step


def test_a_lost_device_is_climbed_after_from_the_mildest_to_the_last() -> None:
    acts, end = climbed(Situation(Trouble.LOST, ALL, said="kernel panic: Kernel panic - not syncing: Oops"))
    assert acts == [Act.RECONNECT, Act.NETWORK_UP, Act.SOFT_REBOOT, Act.POWER_CYCLE, Act.POWER_CYCLE]
    assert end.state is DeviceState.OFFLINE
    assert end.reason == (
        "tried reconnect (2 s), then network-up (2 s), then soft-reboot (2 s), then power-cycle (2 times, 4 s); "
        "at last: power-cycle has not helped. Its console says: kernel panic: Kernel panic - not syncing: Oops"
    )


def test_storage_is_made_room_on_before_the_device_is_restarted() -> None:
    acts, end = climbed(Situation(Trouble.STORAGE, ALL))
    assert acts[:3] == [Act.RESTART_AGENT, Act.MAKE_ROOM, Act.SOFT_REBOOT]
    assert end.state is DeviceState.QUARANTINED


def test_a_device_that_failed_again_is_not_treated_gently_once_more() -> None:
    assert climbed(Situation(Trouble.AGENT, ALL, again=1))[0][0] is Act.SOFT_REBOOT
    gentle = frozenset({Act.RECONNECT, Act.RESTART_AGENT})
    assert climbed(Situation(Trouble.AGENT, gentle, again=1))[0] == [Act.RESTART_AGENT, Act.RECONNECT]


def test_nothing_is_done_at_a_device_that_is_not_the_one_we_know() -> None:
    acts, end = climbed(Situation(Trouble.REFUSED, ALL, (Attempt(Act.RECONNECT, 1.0, "another host key"),)))
    assert acts == []
    assert end.state is DeviceState.QUARANTINED
    assert "another host key" in end.reason


@given(st.sampled_from(Trouble), st.frozensets(st.sampled_from(Act)), st.integers(0, 5))
def test_every_climb_ends_within_its_limits_and_uses_only_what_can_be_done(
    trouble: Trouble, can: frozenset[Act], again: int
) -> None:
    acts, end = climbed(Situation(trouble, can, again=again))
    assert set(acts) <= can
    for rung in LADDER:
        assert acts.count(rung.act) <= rung.attempts
    assert end.reason


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (ConnectionLost("x"), Trouble.LOST),
        (DeadlineExceeded("x"), Trouble.LOST),
        (DeviceFull("x"), Trouble.STORAGE),
        (DeployFailed("x"), Trouble.STORAGE),
        (AgentError("can't lock /x: Read-only file system"), Trouble.STORAGE),
        (AgentError("it ended"), Trouble.AGENT),
        (HostKeyRefused("x"), Trouble.REFUSED),
        (AuthenticationFailed("x"), Trouble.REFUSED),
    ],
)
def test_what_kind_of_trouble_an_error_is(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


def test_what_comes_of_storage_stays_storage() -> None:
    assert trouble_after(Trouble.STORAGE, AgentError("it would not start")) is Trouble.STORAGE
    assert trouble_after(Trouble.LOST, AgentError("it would not start")) is Trouble.AGENT
    assert trouble_after(Trouble.STORAGE, HostKeyRefused("x")) is Trouble.REFUSED


def test_neither_the_store_nor_the_product_nor_the_user_s_keys_blame_a_device() -> None:
    for error in (StoreFailed("x"), WaitRanOut("x"), LeaseLost("x"), Fenced("x"), AuthenticationFailed("x")):
        assert not blames_device(error)
    assert not blames_device(Crashed("x", signal="SIGSEGV"))
    assert not blames_device(TimedOut("x", deadline=1.0))
    assert not blames_device(HostKeyRefused("x")), "what this user knows may be out of date"
    assert blames_device(HostKeyRefused("x"), pinned=True)
    assert blames_device(DeadlineExceeded("x"))


def test_a_device_has_limits_of_its_own() -> None:
    ladder = limited(LADDER, {Act.SOFT_REBOOT: None, Act.POWER_CYCLE: 300.0})
    assert Act.SOFT_REBOOT not in climbed(Situation(Trouble.LOST, ALL), ladder)[0]
    assert {rung.act: rung.seconds for rung in ladder}[Act.POWER_CYCLE] == 300.0
