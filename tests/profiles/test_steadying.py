"""Settings are given back exactly as they were found, whoever left them changed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import profiles
from ontarget.harness.steadying import journal
from ontarget.harness.steadying.journal import Change
from ontarget.harness.steadying.sharing import Holders
from ontarget.harness.steadying.steadier import Steadier
from ontarget.harness.transports.local import LocalTransport

CPU = "sys/devices/system/cpu"


def device(base: Path, *, alive: bool = True) -> Steadier:
    """A device whose files lie in `base`, as a profile for this machine sees it; not `alive`: its run is killed."""

    def read_files(paths: list[str]) -> list[bytes | None]:
        return [Path(path).read_bytes() if Path(path).is_file() else None for path in paths]

    return Steadier(
        LocalTransport(),
        read_files,  # type: ignore[arg-type]
        profiles.named("local"),
        device="fake",
        cores=2,
        folders=[str(base / "journal")],
        holders=Holders(base / "holders") if alive else None,
        base=str(base),
    )


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for core in range(2):
        folder = tmp_path / CPU / f"cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text("ondemand\n")
        (folder / "scaling_available_governors").write_text("ondemand performance powersave\n")
        (folder / "scaling_max_freq").write_text("1800000\n")
    (tmp_path / CPU / "cpu1/online").write_text("0\n")
    return tmp_path


def state(base: Path) -> dict[str, str]:
    return {
        str(path.relative_to(base)): path.read_text() for path in sorted((base / "sys").rglob("*")) if path.is_file()
    }


def test_what_was_changed_is_given_back_and_nothing_else(base: Path) -> None:
    before = state(base)
    one = device(base)
    changes = one.steady()
    assert (base / CPU / "cpu0/cpufreq/scaling_governor").read_text() == "performance\n"
    assert (base / CPU / "cpu1/online").read_text() == "1\n"
    assert len(changes.made) == 3
    assert not changes.refused
    assert one.give_back() == []
    assert state(base) == before
    assert not (base / "journal/steadying").exists()


def test_a_steady_device_is_not_touched(base: Path) -> None:
    device(base, alive=False).steady()
    kept = (base / "journal/steadying").read_text()
    assert device(base).steady().made == ()
    assert (base / "journal/steadying").read_text() == kept


def test_the_last_of_two_runs_on_one_machine_gives_back(base: Path) -> None:
    before = state(base)
    first, second = device(base), device(base)
    first.steady()
    second.steady()
    steady = state(base)
    first.give_back()
    assert state(base) == steady
    second.give_back()
    assert state(base) == before


KILLED = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from test_steadying import device
device(Path({base!r})).steady()
print("steady", flush=True)
sys.stdin.read()
"""


def test_who_comes_next_gives_back_what_a_killed_run_left(base: Path) -> None:
    before = state(base)
    script = KILLED.format(path=[str(Path(__file__).parent), *sys.path], base=str(base))
    run = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"steady\n"
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert state(base) != before
    assert device(base).give_back() == []
    assert state(base) == before


def test_two_killed_runs_give_back_what_was_before_the_first(base: Path) -> None:
    before = state(base)
    for found in ("ondemand", "powersave"):  # by hand, after the first was killed
        (base / CPU / "cpu0/cpufreq/scaling_governor").write_text(f"{found}\n")
        device(base, alive=False).steady()
    device(base).give_back()
    assert state(base) == before


def test_what_somebody_changed_since_is_left_alone(base: Path) -> None:
    device(base, alive=False).steady()
    (base / CPU / "cpu0/cpufreq/scaling_governor").write_text("powersave\n")
    assert device(base).give_back() == []
    assert (base / CPU / "cpu0/cpufreq/scaling_governor").read_text() == "powersave\n"
    assert (base / CPU / "cpu1/cpufreq/scaling_governor").read_text() == "ondemand\n"


def test_a_journal_of_strangers_sets_nothing(base: Path) -> None:
    before = state(base)
    folder = base / "journal"
    folder.mkdir()
    boot = Path(journal.BOOT).read_text().strip()
    evil = Change("local", "/etc/passwd", "x", "y", boot)
    (folder / journal.NAME).write_text(f"{evil.line()}\nno line\n")
    left = device(base).give_back()
    assert any("/etc/passwd" in line for line in left)
    assert "no line" in left
    assert state(base) == before


def test_a_reboot_has_undone_what_does_not_last() -> None:
    changes = [Change("local", "a", "1", "2", "boot 1"), Change("android", "b", "1", "2", "boot 1", lasting=True)]
    assert [change.key for change in journal.standing(changes, "boot 2")] == ["b"]


@given(st.text(max_size=300) | st.dictionaries(st.text(max_size=8), st.text(max_size=8)).map(json.dumps))
def test_any_journal_is_read(text: str) -> None:
    changes, strange = journal.parse(text)
    assert not changes
    assert len(strange) == sum(bool(line.strip()) for line in text.splitlines())


@given(st.builds(Change, *[st.from_regex(r"[a-z0-9/]{1,9}", fullmatch=True)] * 5, lasting=st.booleans()))
def test_a_change_is_read_as_it_was_written(change: Change) -> None:
    assert journal.parse(change.line()) == ([change], [])
