"""`ontarget farm` and `devices --watch`, as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ontarget.device_farm.inventory import load

FARM = """\
version = 1
store = "{store}"
[[device]]
name = "here"
model = "desk"
connect = "local"
[[device]]
name = "away"
connect = "ssh:127.0.0.1:1"
console = "rfc2217://lab:4001"
power = {{ driver = "uhubctl", hub = "1-1", port = 2 }}
tags = {{ rack = "b2", "a \\"b" = "é\\\\" }}
insecure = true
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ontarget.device_farm.cli", *words]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "farm.toml").write_text(FARM.format(store="sqlite:///farm.db"))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ONTARGET_")}

    def ontarget(*words: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
        environment = {**kept, "XDG_STATE_HOME": str(folder / "state")}
        done = subprocess.run(
            command(*words), cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return ontarget


def test_a_device_is_taken_out_of_use_and_put_back(run: Run) -> None:
    run("farm", "state", "here", "maintenance", "--reason", "new fan")
    (here, _) = json.loads(run("devices", "--json").stdout)
    assert (here["state"], here["reason"]) == ("maintenance", "new fan")
    assert "here is in maintenance (new fan)" in run("reserve", "name=here", status=1).stderr
    again = json.loads(run("farm", "state", "here", "available", "--reason", "runs cool", "--json").stdout)
    assert again["state"] == "available"
    run("reserve", "name=here")
    log = json.loads(run("farm", "log", "--device", "here", "--json").stdout)
    assert [(line["state"], line["reason"]) for line in log[:3]] == [
        ("available", "listed as local"),
        ("maintenance", "new fan"),
        ("available", "runs cool"),
    ]
    assert log[3]["state"] == "leased"
    assert "new fan" in run("farm", "log").stdout
    assert len(json.loads(run("farm", "log", "--last", "1", "--json").stdout)) == 1


def test_a_lease_is_ended_by_force_and_its_holder_told(run: Run) -> None:
    lease = json.loads(run("reserve", "name=here", "--json").stdout)["lease"]
    freed = run("farm", "free", "here", "--reason", "left for holidays", "--json").stdout
    assert json.loads(freed) == {"device": "here", "freed": True}
    told = run("exec", "--lease", lease, "--", "true", status=255).stderr
    assert "left for holidays" in told
    assert run("farm", "free", "here", "--reason", "again").stdout == "nobody held here\n"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("farm", "state", "here", "leased", "--reason", "x"), 2, "'leased' is not one of"),
        (("farm", "state", "here", "offline"), 2, "Missing option '--reason'"),
        (("farm", "state", "here", "offline", "--reason", " "), 2, "say why"),
        (
            ("farm", "state", "nobody", "offline", "--reason", "x"),
            2,
            "no device is named 'nobody'; there are: away, here",
        ),
        (("farm", "free", "nobody", "--reason", "x"), 2, "no device is named 'nobody'"),
        (("farm", "log", "--device", "nobody"), 2, "no device is named 'nobody'"),
        (("farm", "import", "none.json"), 2, "cannot read"),
        (("farm", "import", "farm.toml.json"), 2, "found no JSON"),
        (("farm", "export", "--toml", "--json"), 2, "print one of them"),
        (("devices", "--watch", "--json"), 2, "a list of JSON has an end"),
    ],
)
def test_statuses_and_plain_messages(run: Run, folder: Path, words: tuple[str, ...], status: int, message: str) -> None:
    (folder / "farm.toml.json").write_text("version = 1")
    assert message in run(*words, status=status).stderr


def test_a_farm_moves_to_another_store(run: Run, folder: Path, postgresql_database: str) -> None:
    run("farm", "state", "away", "quarantined", "--reason", "no answer")
    lease = json.loads(run("reserve", "name=here", "--json").stdout)["lease"]
    exported = run("farm", "export").stdout
    assert lease not in exported
    (folder / "old.json").write_text(exported)
    (folder / "farm.toml").write_text(FARM.format(store=postgresql_database))
    assert "ontarget farm init" in run("devices", status=3).stderr
    made = json.loads(run("farm", "init", "--json").stdout)
    assert (made["made"], made["devices"]) == (True, 2)
    assert json.loads(run("farm", "init", "--json").stdout)["made"] is False
    for _ in range(2):  # the second time changes nothing
        run("farm", "import", "old.json")
        there = {record["name"]: record for record in json.loads(run("devices", "--json").stdout)}
        assert (there["here"]["state"], there["here"]["model"]) == ("available", "desk")
        assert (there["away"]["state"], there["away"]["reason"]) == ("quarantined", "no answer")
        reasons = [line["reason"] for line in json.loads(run("farm", "log", "--json").stdout)]
        assert sum("no answer" in reason for reason in reasons) == 2, "the old log's line, and that of this store"


def test_the_inventory_that_is_exported_is_the_inventory(run: Run, folder: Path) -> None:
    before = load(folder / "farm.toml")
    run("farm", "state", "away", "offline", "--reason", "cable\nbroken")
    (folder / "again.toml").write_text(run("farm", "export", "--toml").stdout)
    after = load(folder / "again.toml")
    assert (after.devices, after.store) == (before.devices, before.store)


def test_watching_tells_each_change_once(run: Run, folder: Path) -> None:
    run("farm", "init")
    with subprocess.Popen(command("devices", "--watch"), cwd=folder, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        try:
            assert [watcher.stdout.readline().split(maxsplit=1)[1] for _ in range(2)] == [
                "here available\n",
                "away available\n",
            ]
            run("farm", "state", "away", "offline", "--reason", "cable")
            assert watcher.stdout.readline().endswith(" away offline: cable\n")
            run("reserve", "name=here", "--purpose", "lunch")
            assert "here leased by" in watcher.stdout.readline()
        finally:
            watcher.terminate()


def test_the_words_of_farm_are_completed(folder: Path) -> None:
    words = {"_ONTARGET_COMPLETE": "bash_complete", "COMP_WORDS": "ontarget farm state h", "COMP_CWORD": "3"}
    done = subprocess.run(
        command(), cwd=folder, env={**os.environ, **words}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "plain,here\n"
