"""Health checks: when they are due, what they look at, and what becomes of a device that fails one."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from ontarget.device_farm import health
from ontarget.device_farm.cli.main import ontarget
from ontarget.device_farm.errors import BadInventory, Unhealthy, WaitRanOut
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.health import CheckPolicy, due
from ontarget.device_farm.inventory import load
from ontarget.device_farm.leases.store import DeviceState, DeviceStatus

FARM = """\
version = 1
check = { leases = 3, hours = 24 }
[[device]]
name = "here"
connect = "local"
model = "desk"
[[device]]
name = "away"
connect = "ssh:127.0.0.1:1"
model = "pi"
"""


def status(uses: int, checked: float | None) -> DeviceStatus:
    state = DeviceState.AVAILABLE
    return DeviceStatus("a", "local", "local", None, state, None, 0.0, {}, uses=uses, checked=checked)


@pytest.mark.parametrize(
    ("uses", "checked", "policy", "why"),
    [
        (99, None, None, None),
        (2, 0.0, CheckPolicy(leases=3), None),
        (3, 0.0, CheckPolicy(leases=3), "3 leases have passed since it last was"),
        (3, None, CheckPolicy(leases=4), None),
        (0, 1000.0, CheckPolicy(hours=1), None),
        (0, 0.0, CheckPolicy(hours=1), "1h have passed since it last was"),
        (0, None, CheckPolicy(hours=1), "it never was"),
        (1, 0.0, CheckPolicy(leases=3, hours=1), "1h have passed since it last was"),
    ],
)
def test_when_a_check_is_due(uses: int, checked: float | None, policy: CheckPolicy | None, why: str | None) -> None:
    assert due(status(uses, checked), policy, 3600.0) == why


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setenv("ONTARGET_ROOT", str(tmp_path / "root"))
    (tmp_path / "farm.toml").write_text(FARM)
    with Farm.open(load(tmp_path / "farm.toml")) as opened:
        yield opened


def used(farm: Farm) -> list[str]:
    said: list[str] = []
    with farm.lease({"name": "here"}) as lease:
        farm.connect(lease, progress=said.append).close()
    return [line for line in said if "checking" in line]


def test_who_leases_a_device_checks_it_when_it_is_due(farm: Farm) -> None:
    assert used(farm) == ["checking here, as it never was"]
    assert farm.status("here").checked is not None
    assert [used(farm), used(farm)] == [[], []]
    assert used(farm) == ["checking here, as 3 leases have passed since it last was"]


def test_a_device_that_fails_is_quarantined(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SLOW", 0.0)
    with farm.lease({"name": "here"}) as lease, pytest.raises(Unhealthy, match="expected a round trip within 0 s"):
        farm.connect(lease)
    found = farm.status("here")
    assert found.state is DeviceState.QUARANTINED
    assert found.reason is not None
    assert found.reason.startswith("health check failed: ")
    with pytest.raises(WaitRanOut, match="here is quarantined"):
        farm.lease({"name": "here"})


def test_a_slow_way_is_found_by_the_clock(farm: Farm) -> None:
    with farm.lease({"name": "here"}) as lease, farm.connect(lease) as device:
        assert 0 < health.check(device) < health.SLOW
        ticks = count(0.0, 3.0)
        with pytest.raises(Unhealthy, match=r"found 3\.0 s"):
            health.check(device, clock=lambda: next(ticks))


def test_the_command_checks_all_and_tells_which_failed(farm: Farm, tmp_path: Path) -> None:
    def checked(*words: str) -> tuple[int, dict[str, dict[str, str]]]:
        done = CliRunner().invoke(ontarget, ["farm", "check", "--farm", str(tmp_path / "farm.toml"), "--json", *words])
        output = done.stdout
        code = done.return_value if done.return_value is not None else done.exit_code
        return code, {line["device"]: line for line in json.loads(output)}

    _, found = checked()
    assert (found["here"]["health"], found["away"]["health"]) == ("good", "failed")
    assert farm.status("away").state is DeviceState.OFFLINE
    _, again = checked("--due")
    assert (again["here"]["health"], again["away"]["health"]) == ("not due", "not free")
    assert "offline" in again["away"]["detail"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("check = { leases = 0 }", "greater than or equal to 1"),
        ("check = { hours = -1 }", "greater than 0"),
        ("check = { lease = 1 }", 'did you mean "leases"'),
    ],
)
def test_a_policy_that_means_nothing(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "farm.toml").write_text(f"version = 1\n{line}\n")
    with pytest.raises(BadInventory, match=problem):
        load(tmp_path / "farm.toml")
