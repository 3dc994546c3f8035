"""The checker of the chaos run finds what it is there to find."""

from collections.abc import Sequence

import pytest

from ontarget.device_farm.leases.store import DeviceState, Transition
from support.chaos_check import Held, check, leases_of
from support.chaos_device import Event


def history(*leases: tuple[int, float, float | None], device: str = "a") -> list[Transition]:
    """Of leases as token, begin and end."""
    lines = []
    for token, granted, ended in leases:
        lines.append(Transition(granted, device, DeviceState.LEASED, "chaos", "client", token))
        if ended is not None:
            lines.append(Transition(ended, device, DeviceState.AVAILABLE, "released", "client", token))
    return lines


def touches(*events: tuple[str, int, str]) -> list[Event]:
    return [Event(float(at), *event) for at, event in enumerate(events)]


GOOD = touches(("enter", 1, "x"), ("begin", 1, "x"), ("done", 1, "x"), ("enter", 2, "y"), ("refuse", 1, "x"))


def test_a_run_in_order() -> None:
    found = check({"a": history((1, 0.0, 2.0), (2, 2.5, 4.0))}, {"a": GOOD})
    assert (found.leases, found.touches, found.refused, found.double, found.gaps) == (2, 1, 1, [], [0.5])


@pytest.mark.parametrize(
    ("leases", "events", "said"),
    [
        ([(1, 0.0, 3.0), (2, 2.5, 4.0)], GOOD, "token 2 was granted while 1 was held"),
        ([(1, 0.0, None), (2, 2.5, 4.0)], GOOD, "token 2 was granted while 1 was held"),
        ([(2, 2.5, 4.0)], GOOD, "used with token 1, which the store never granted"),
        ([(1, 0.0, 2.0), (2, 2.5, 4.0)], [*GOOD, *touches(("begin", 1, "x"))], "used with token 1 after 2"),
        ([(1, 0.0, 2.0), (2, 2.5, 4.0)], [*GOOD, *touches(("begin", 2, "x"))], "token 2 was used by y and x"),
        ([(1, 0.0, 2.0), (2, 2.5, 4.0)], [*GOOD, *touches(("refuse", 2, "y"))], "token 2, the newest, was refused"),
    ],
)
def test_two_holders_are_found(
    leases: Sequence[tuple[int, float, float | None]], events: list[Event], said: str
) -> None:
    double = check({"a": history(*leases)}, {"a": events}).double
    assert any(said in line for line in double), double


def test_a_token_that_two_devices_have() -> None:
    found = check({"a": history((1, 0.0, 2.0)), "b": history((1, 5.0, 6.0), device="b")}, {})
    assert found.double == ["token 1 was given out for a and b"]


def test_leases_from_a_history() -> None:
    state = Transition(1.0, "a", DeviceState.QUARANTINED, "broken", "anna", None)
    assert leases_of([*history((7, 3.0, 4.0), (5, 1.0, None)), state]) == [Held(5, 1.0, None), Held(7, 3.0, 4.0)]
