"""The command `ontarget`, as a process."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.waiting import eventually

FARM = """\
version = 1
[[device]]
name = "here"
model = "desk"
connect = "local"
tags = { rack = "b2" }
[[device]]
name = "away"
model = "pi"
connect = "ssh:127.0.0.1:1"
"""
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ONTARGET_", "CI_", "GITHUB_"))}
    return {**kept, "XDG_STATE_HOME": str(tmp_path / "state"), "ONTARGET_ROOT": str(tmp_path / "root")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "farm.toml").write_text(FARM)
    return folder


@pytest.fixture
def run(folder: Path, environment: dict[str, str]) -> Run:
    def ontarget(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(*words),
            cwd=more.pop("cwd", folder),
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return ontarget


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ontarget.device_farm.cli", *words]


def reserved(run: Run, *words: str) -> dict[str, Any]:
    done = run("reserve", *words, "--json")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def listed(run: Run, **more: str) -> dict[str, dict[str, Any]]:
    done = run("devices", "--json", **more)
    assert done.returncode == 0, done.stderr
    return {record["name"]: record for record in json.loads(done.stdout)}


def test_from_reserve_to_release(run: Run) -> None:
    assert list(listed(run)) == ["here", "away"]
    record = reserved(run, "model=desk", "rack=b2", "--for", "10m", "--purpose", "a look")
    assert set(record) == {"lease", "device", "model", "token", "expires"}
    assert (record["device"], record["model"], record["token"]) == ("here", "desk", 1)
    assert RFC3339.fullmatch(record["expires"])
    here = listed(run)["here"]
    assert set(here) == {"name", "model", "state", "holder", "purpose", "token", "expires", "reason"}
    assert (here["state"], here["purpose"], here["token"], here["expires"], here["reason"]) == (
        "leased",
        "a look",
        1,
        record["expires"],
        None,
    )
    assert "@" in here["holder"]
    assert record["lease"] not in json.dumps(here)
    assert listed(run)["away"]["expires"] is None
    table = run("devices").stdout
    assert "a look" in table
    assert record["expires"] in table
    assert run("release", record["lease"]).stdout == "released\n"
    again = run("release", record["lease"])
    assert (again.returncode, again.stdout) == (0, "it had ended before\n")
    assert reserved(run, "name=here")["token"] == 2


def test_several_devices_are_reserved_together_or_not_at_all(run: Run) -> None:
    both = json.loads(run("reserve", "model=pi", "+", "rack=b2", "--json").stdout)
    assert [(record["device"], record["model"]) for record in both] == [("away", "pi"), ("here", "desk")]
    leases = [record["lease"] for record in both]
    assert len(set(leases)) == 2
    assert run("release", leases[0]).stdout == "released\n"
    refused = run("reserve", "--count", "2")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "here is held by" in refused.stderr
    assert listed(run)["away"]["state"] == "available", "one without the other is of no use"
    given_back = run("release", "f00", *leases)
    assert given_back.stdout.splitlines() == ["it had ended before", "released"]
    assert given_back.returncode == 2
    assert run("reserve", "--count", "2").stdout.count("is yours until") == 2


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("reserve", "name=here", "+", "name=here"), 2, "expected 2 devices, one each for a device with name=here and"),
        (("reserve", "model=none"), 2, "ontarget: no device has model=none; in this farm model is one of desk, pi\n"),
        (("reserve", "rakc=b2"), 2, "did you mean 'rack'?"),
        (("reserve", "pi"), 2, "'pi' is no KEY=VALUE"),
        (("reserve", "model=pi", "model=desk"), 2, "a KEY was given twice"),
        (("reserve", "--for", "soon"), 2, "'soon' is no duration"),
        (("devices", "--farm", "none.toml"), 2, "cannot read the farm file none.toml"),
        (("devices", "--farm", "farm.toml", "--on", "local"), 2, "--farm and --on were both given"),
        (("devices", "--on", "usb:1"), 2, "'usb:1' names no device"),
        (("release", "f00"), 2, "never gave out such a lease"),
        (("nonsense",), 2, "No such command 'nonsense'"),
        (("exec", "nobody", "--", "true"), 255, "no device has name=nobody; in this farm name is one of away, here"),
        (("exec", "here"), 255, "there is no COMMAND"),
        (("exec", "away", "--", "true"), 255, "away"),
        (("exec", "--lease", "f00", "--", "true"), 255, "never gave out such a lease"),
        (("console", "here"), 2, "this is no terminal"),
        (("console", "here", "--log"), 2, "here: it has no serial console"),
        (("board", "up", "virtual-abacus"), 2, "no virtual board model 'virtual-abacus'"),
        (("board", "down", "virtual-nobody"), 1, "there was no board virtual-nobody"),
    ],
)
def test_statuses_and_plain_messages(run: Run, words: tuple[str, ...], status: int, message: str) -> None:
    done = run(*words)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_bad_farm_file_names_its_line(run: Run, folder: Path) -> None:
    (folder / "farm.toml").write_text(FARM + "conect = 1\n")
    done = run("devices")
    assert done.returncode == 2
    assert (
        done.stderr
        == f'ontarget: {folder}/farm.toml:11: device "away": unknown key "conect"; did you mean "connect"?\n'
    )


def test_a_broken_store_is_infrastructure(run: Run, folder: Path) -> None:
    (folder / "farm.db").write_text("no database" * 500)
    done = run("devices")
    assert done.returncode == 3
    assert f"the store {folder}/farm.db failed: file is not a database" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wait_that_ran_out(run: Run) -> None:
    reserved(run, "name=here", "--purpose", "lunch")
    done = run("reserve", "name=here", "--wait", "0.2s")
    assert done.returncode == 1
    waiting, failed = done.stderr.splitlines()
    assert "waiting for a device with name=here, place 1 in the queue: here is held by" in waiting
    assert "did not come free within 0.2s: here is held by" in failed
    assert "for lunch" in failed


def test_a_waiter_gets_it_when_it_is_given_back(folder: Path, environment: dict[str, str], run: Run) -> None:
    lease = reserved(run, "name=here")["lease"]
    words = command("reserve", "name=here", "--wait", "50s", "--json")
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiter:
        assert waiter.stderr is not None
        assert "place 1" in waiter.stderr.readline()
        assert run("release", lease).returncode == 0
        out, _ = waiter.communicate(timeout=50)
    assert json.loads(out)["token"] == 2


def test_exec_gives_output_and_status(run: Run) -> None:
    done = run("exec", "here", "--", "sh", "-c", "echo $0 out; echo err >&2; exit 42", "a b")
    assert (done.returncode, done.stdout, done.stderr) == (42, "a b out\n", "err\n")
    assert listed(run)["here"]["state"] == "available"


def test_exec_without_any_farm_file(run: Run, tmp_path: Path) -> None:
    done = run("exec", "local", "--", "uname", "-a", cwd=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Linux")
    assert list(listed(run, cwd=str(tmp_path))) == ["local"]


def test_exec_under_a_lease(run: Run) -> None:
    lease = reserved(run, "name=here")["lease"]
    assert run("exec", "here", "--", "true").returncode == 255
    assert run("exec", "--lease", lease, "--", "echo", "by option").stdout == "by option\n"
    around = run("exec", "here", "--", "echo", "by environment", ONTARGET_LEASE=lease)
    assert (around.returncode, around.stdout) == (0, "by environment\n")
    assert listed(run)["here"]["token"] == 1, "it is still the reserved lease"


def test_ctrl_c_goes_to_the_command_and_the_device_is_free(folder: Path, environment: dict[str, str], run: Run) -> None:
    words = command("exec", "here", "--", "sh", "-c", "trap 'echo caught; exit 9' INT; echo started; sleep 600")
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (9, "caught\n", "")
    assert listed(run)["here"]["state"] == "available"


def test_a_second_ctrl_c_ends_what_does_not_end_at_the_first(
    folder: Path, environment: dict[str, str], run: Run
) -> None:
    words = command("exec", "here", "--", "sh", "-c", "trap 'echo heard' INT; echo started; while :; do sleep 1; done")
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "heard\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (130, "ontarget: interrupted")
    assert listed(run)["here"]["state"] == "available"


def test_a_command_does_not_outlive_the_lease_of_a_client_that_is_stopped(
    folder: Path, environment: dict[str, str], run: Run
) -> None:
    pids = folder / "pids"
    script = f"echo $$ > {pids}; sleep 600 & echo $! >> {pids}; echo started; wait"
    lease = reserved(run, "name=here", "--for", "1h")["lease"]
    words = command("exec", "--lease", lease, "--", "sh", "-c", script)
    with subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGSTOP)
        try:
            assert run("release", lease).returncode == 0
            assert run("exec", "here", "--", "echo", "next").stdout == "next\n"
            ours = [int(pid) for pid in pids.read_text().split()]
            eventually(lambda: not any(map(runs, ours)), f"the end of the processes {ours}")
        finally:
            process.send_signal(signal.SIGCONT)
        assert process.wait(30) == 255


def runs(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_in_a_terminal_the_command_has_one_of_its_own(folder: Path, environment: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
    words = command("exec", "here", "--", "sh", "-c", "stty size; echo $TERM; read word; echo got $word; sleep 600")
    with subprocess.Popen(
        words, cwd=folder, env={**environment, "TERM": "vt100"}, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        screen = read_until(ours, b"vt100")
        assert b"31 97" in screen
        os.write(ours, b"hello\n")
        read_until(ours, b"got hello")
        try:
            # a shell that is just about to start a program may miss one
            eventually(lambda: os.write(ours, b"\x03") > 0 and process.poll() is not None, "the end", deadline=30.0)
        finally:
            process.kill()
        assert process.returncode == 130, "Ctrl-C ended the command, and its status came back"
    os.close(ours)
    os.close(theirs)


def read_until(terminal: int, wanted: bytes) -> bytes:
    screen = b""
    while wanted not in screen:
        screen += os.read(terminal, 4096)
    return screen


def test_a_lease_of_the_users_own_is_released_from_anywhere(run: Run) -> None:
    lease = reserved(run, "--on", "local")["lease"]
    assert run("release", ONTARGET_LEASE=lease).stdout == "released\n"


def test_an_output_that_nobody_reads(folder: Path, environment: dict[str, str]) -> None:
    with subprocess.Popen(
        command("exec", "here", "--", "yes"),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "y\n"
        process.stdout.close()
        eventually(lambda: process.poll() is not None, "the end", deadline=30.0)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_version_help_and_completion(run: Run) -> None:
    assert run("--version").stdout.startswith("ontarget, version ")
    assert {"board", "console", "devices", "exec", "release", "reserve"} <= set(run("--help").stdout.split())
    assert "_ONTARGET_COMPLETE" in run("completion", "bash").stdout
    line = "ontarget exec h"
    words = {"_ONTARGET_COMPLETE": "bash_complete", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    assert run(**words).stdout == "plain,here\n"


def test_a_listing_loads_nothing_heavy(folder: Path, environment: dict[str, str]) -> None:
    program = (
        "import sys; from ontarget.device_farm.cli.main import main\n"
        "try: main(['devices', '--json'])\n"
        "finally: print([m for m in ('paramiko', 'matplotlib', 'numpy', 'serial', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
