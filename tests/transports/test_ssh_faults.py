"""What becomes of an SSH transport when the far side misbehaves."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ontarget.harness.errors import (
    AuthenticationFailed,
    ConnectionLost,
    DeadlineExceeded,
    DeviceUnreachable,
    MissingFile,
)
from ontarget.harness.transports.address import SshAddress
from ontarget.harness.transports.ssh import SshTransport, connection
from support.sshd import HOST, Sshd, free_port, make_key, running_sshd
from support.waiting import eventually

MEBIBYTE = 1 << 20


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server that the test may break."""
    with running_sshd(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as server:
        yield server


def connect_to(listener: socket.socket, deadline: float = 10.0) -> SshTransport:
    port = listener.getsockname()[1]
    return SshTransport.connect(
        "unit-7", SshAddress(HOST, "pi", port), host_key="SHA256:x", config=None, deadline=deadline
    )


def test_a_server_killed_while_a_read_waits(own_sshd: Sshd) -> None:
    ssh = own_sshd.connect("unit-7")
    channel = ssh.open(["cat"])
    channel.write(b"x")
    assert channel.read(1, deadline=10) == b"x"
    killer = threading.Timer(0.1, own_sshd.kill_sessions)
    killer.start()
    with pytest.raises(ConnectionLost, match=r"unit-7: .*cat"):
        channel.read(1, deadline=30)
    killer.join()
    assert not ssh.alive
    with pytest.raises(ConnectionLost, match="unit-7"):
        channel.write(b"y")
    channel.close()
    with pytest.raises(DeviceUnreachable, match="unit-7"):
        ssh.run(["true"])
    ssh.close()


def test_a_server_killed_while_a_write_goes_on(own_sshd: Sshd) -> None:
    ssh = own_sshd.connect("unit-7")
    # The parent of the command is the server's process for this connection.
    channel = ssh.open(["sh", "-c", "head -c 1000000 >/dev/null; kill -9 $PPID; cat >/dev/null"])
    with pytest.raises(ConnectionLost, match="unit-7"):
        channel.write(b"x" * 32 * MEBIBYTE, deadline=30)
    channel.close()
    ssh.close()


def test_a_server_killed_while_a_command_runs(own_sshd: Sshd) -> None:
    ssh = own_sshd.connect("unit-7")
    with pytest.raises(ConnectionLost, match="unit-7"):
        ssh.run(["sh", "-c", "kill -9 $PPID; sleep 600"], deadline=30)
    ssh.close()


def test_a_file_that_is_cut_off_leaves_nothing(own_sshd: Sshd, tmp_path: Path) -> None:
    ssh = own_sshd.connect("unit-7")
    source = tmp_path / "source"
    source.write_bytes(bytes(256 * MEBIBYTE))
    target = tmp_path / "target" / "file"

    def kill_in_the_middle() -> None:
        eventually(lambda: any(part.stat().st_size for part in target.parent.glob(".*.part")), "a first byte")
        own_sshd.kill_sessions()

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    with pytest.raises(ConnectionLost, match="unit-7"):
        ssh.put(source, str(target), deadline=60)
    killer.join()
    eventually(lambda: not list(target.parent.iterdir()), "the removal of what was stored in part")
    ssh.close()


def test_a_new_connection_is_made_only_when_asked_for(own_sshd: Sshd) -> None:
    ssh = own_sshd.connect("unit-7")
    assert ssh.run(["true"]).status == 0
    own_sshd.kill_sessions()
    eventually(lambda: not ssh.alive, "the end of the connection")
    with pytest.raises(DeviceUnreachable):
        ssh.run(["true"])
    ssh.reconnect()
    assert ssh.alive
    assert ssh.run(["true"]).status == 0
    ssh.close()


def test_a_server_that_falls_silent(own_sshd: Sshd) -> None:
    ssh = own_sshd.connect("unit-7")
    channel = ssh.open(["cat"])
    own_sshd.stop_sessions()
    with pytest.raises(DeadlineExceeded, match=r"unit-7: .*true"):
        ssh.run(["true"], deadline=0.5)
    channel.write(b"x")
    with pytest.raises(DeadlineExceeded, match=r"unit-7: .*cat"):
        channel.read(1, deadline=0.2)
    began = time.monotonic()
    channel.close()
    ssh.close()
    assert time.monotonic() - began < 5


def test_a_server_that_answers_nothing_is_lost_unless_it_is_excused(
    own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host acknowledges what it is sent, as a relay does for a device behind it."""
    monkeypatch.setattr(connection, "_KEEPALIVE_SECONDS", 0.2)
    monkeypatch.setattr(connection, "_SILENCE_MS", 300)
    asked: list[bool] = []

    def excused() -> bool:
        asked.append(len(asked) < 3)
        return asked[-1]

    ssh = SshTransport.connect(
        "unit-7",
        own_sshd.address,
        host_key=own_sshd.host_key,
        identity=own_sshd.key,
        config=None,
        excused=excused,
    )
    with closing(ssh):
        own_sshd.stop_sessions()
        eventually(lambda: not ssh.alive, "the loss of the connection")
        assert asked == [True, True, True, False]


def test_a_port_where_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(DeviceUnreachable, match=rf"unit-7: .*port {port} refused"):
        SshTransport.connect("unit-7", SshAddress(HOST, "pi", port), config=None)


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(DeviceUnreachable, match=r"unit-7: no host is called 'no-such-host\.invalid'"):
        SshTransport.connect("unit-7", SshAddress("no-such-host.invalid", "pi", 22), config=None)


def test_a_server_that_accepts_and_says_nothing(listener: socket.socket) -> None:
    with pytest.raises(DeadlineExceeded, match=r"unit-7: .*did not answer as an SSH server"):
        connect_to(listener, deadline=0.5)


def test_a_server_that_speaks_something_else(listener: socket.socket) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with closing(connection):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    speaker = threading.Thread(target=answer)
    speaker.start()
    with pytest.raises(DeviceUnreachable, match=r"unit-7: .*SSH"):
        connect_to(listener)
    speaker.join()


def test_a_key_that_the_server_does_not_know(sshd: Sshd, tmp_path: Path) -> None:
    fingerprint = make_key(tmp_path / "stranger")
    with pytest.raises(AuthenticationFailed) as caught:
        SshTransport.connect(
            "unit-7", sshd.address, host_key=sshd.host_key, identity=tmp_path / "stranger", config=None
        )
    message = str(caught.value)
    assert str(tmp_path / "stranger") in message
    assert fingerprint in message
    assert "takes: publickey" in message
    assert "ssh-copy-id" in message


def test_a_key_file_that_is_missing(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"unit-7: .*nothing-here"):
        SshTransport.connect(
            "unit-7", sshd.address, host_key=sshd.host_key, identity=tmp_path / "nothing-here", config=None
        )


def test_a_file_that_is_no_key(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hello")
    with pytest.raises(AuthenticationFailed, match=r"unit-7: .*key cannot be read"):
        SshTransport.connect("unit-7", sshd.address, host_key=sshd.host_key, identity=tmp_path / "key", config=None)


def test_a_user_without_any_key(sshd: Sshd, no_home: Path) -> None:
    assert no_home.is_dir()
    with pytest.raises(AuthenticationFailed, match="no key found"):
        SshTransport.connect("unit-7", sshd.address, host_key=sshd.host_key, config=None)
