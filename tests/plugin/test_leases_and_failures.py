"""Whose device it is, what happens when it fails in the middle, and what its console said."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from support.plugin_runs import Desk

FARM = """
version = 1
[[device]]
name = "one"
model = "alpha"
connect = "local"
{more}
[[device]]
name = "two"
model = "beta"
connect = "local"
"""


def ontarget(desk: Desk, *words: str) -> str:
    command = [sys.executable, "-c", "from ontarget.device_farm.cli.main import main; main()", *words]
    done = subprocess.run(
        command, cwd=desk.folder, env=desk.environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_reserved_device_is_used_with_its_lease_and_waited_for_without(desk: Desk) -> None:
    desk.write("farm.toml", FARM.format(more=""))
    desk.write("test_x.py", "def test_it(device): pass\n")
    lease = json.loads(ontarget(desk, "reserve", "name=two", "--for", "10m", "--json"))["lease"]
    ran = desk.run("--lease", lease)
    assert ran.status == 0, ran.output
    assert [record["device"] for record in ran.records()] == ["two"]
    assert "two" in ontarget(desk, "devices", "--json")
    ran = desk.run("--lease-wait", "0")
    assert ran.status == 3, ran.output
    assert {record["model"]: record["outcome"] for record in ran.records()} == {"alpha": "pass", "beta": "infra"}
    assert "two is held by" in ran.records()[1]["message"]
    assert lease not in ran.output
    ontarget(desk, "release", lease)
    ran = desk.run("--lease", lease)
    assert ran.status == 3, ran.output


def test_after_a_lost_agent_the_next_test_on_the_device_runs(desk: Desk) -> None:
    desk.write(
        "test_x.py",
        """
        import psutil

        def test_lost(device):
            for child in psutil.Process().children(recursive=True):
                child.kill()
            device.conditions()  # fails, and once more when it is run again

        def test_next(device):
            device.conditions()

        def test_after_that(device):
            device.conditions()
        """,
    )
    ran = desk.run("--on", "local", "-v")
    assert ran.status == 3, ran.output
    assert [record["outcome"] for record in ran.records()] == ["infra", "pass", "pass"]
    assert "local: back after restart-agent" in ran.output


@contextmanager
def talking_console(said: bytes) -> Iterator[int]:
    """A serial console behind TCP, which goes on saying something to whoever is connected; yields its port."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while not over.wait(0.1):
                try:
                    connection.sendall(said)
                except OSError:  # it hung up
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        over.set()
        thread.join(10)


def test_the_console_s_log_goes_with_a_failing_test(desk: Desk) -> None:
    with talking_console(b"login: kernel panic\r\n") as port:
        desk.write("farm.toml", FARM.format(more=f'console = "socket://127.0.0.1:{port}"'))
        desk.write(
            "test_x.py",
            """
            import pytest

            @pytest.mark.any_device
            def test_it(console):
                console.expect(b"panic", deadline=10)
                assert False

            def test_none(device, console):
                pass
            """,
        )
        out = desk.folder / "allure"
        ran = desk.run("--alluredir", out)
    assert ran.status == 1, ran.output
    assert "device console" in ran.output
    assert "kernel panic" in ran.output
    assert "DeadlineExceeded" not in ran.output
    attached = [path.read_text() for path in out.glob("*-attachment.txt")]
    assert any("kernel panic" in text for text in attached)
    by_model = {(record["model"], record["id"].partition("::")[2]): record["outcome"] for record in ran.records()}
    assert by_model == {
        ("alpha", "test_it[alpha]"): "wrong",
        ("alpha", "test_none[alpha]"): "pass",
        ("beta", "test_none[beta]"): "user-error",
    }
