"""A console over a pseudo-terminal, over TCP and over RFC 2217."""

import os
import re
import socket
import threading
import tty
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import serial
import serial.rfc2217
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.consoles.lines import LINES_MOST, LineLog
from ontarget.harness.consoles.serial import SerialConsole
from ontarget.harness.errors import BadAddress, ConnectionLost, DeadlineExceeded, DeviceUnreachable
from ontarget.harness.transports.protocols import Console
from support.waiting import eventually

NOON = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The device's end of a serial line (a descriptor), and the name of ours."""
    device, ours = os.openpty()
    tty.setraw(ours)
    yield device, os.ttyname(ours)
    os.close(device)
    os.close(ours)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url_of(server: socket.socket) -> str:
    return f"socket://127.0.0.1:{server.getsockname()[1]}"


def test_a_tty_is_talked_to(line: tuple[int, str]) -> None:
    device, name = line
    with SerialConsole(name, "unit-7") as console:
        assert isinstance(console, Console)
        console.write(b"root\n")
        assert os.read(device, 100) == b"root\n"
        os.write(device, b"Password: ")
        assert console.expect(rb"[Pp]assword: ", deadline=10) == b"Password: "


def test_expect_goes_on_behind_the_last_match(line: tuple[int, str]) -> None:
    device, name = line
    with SerialConsole(name, "unit-7") as console:
        os.write(device, b"one $ two $ ")
        assert console.expect(rb"\$ ", deadline=10) == b"one $ "
        assert console.expect(rb"\$ ", deadline=10) == b"two $ "
        with pytest.raises(DeadlineExceeded, match=r"unit-7: console .*expected b'x' within 0\.05 s, found b''"):
            console.expect(b"x", deadline=0.05)


def test_the_log_begins_where_it_is_started(line: tuple[int, str]) -> None:
    device, name = line
    with SerialConsole(name, "unit-7", clock=lambda: NOON) as console:
        os.write(device, b"before\n")
        console.expect(b"before\n", deadline=10)
        console.start_log()
        os.write(device, b"kernel: oops\r\nlogin: ")
        console.expect(b"login", deadline=10)
        assert console.log() == "2026-01-31T12:00:00.250Z kernel: oops\n2026-01-31T12:00:00.250Z login: \n"
    assert "oops" in console.log()


def test_a_tty_belongs_to_one_console(line: tuple[int, str]) -> None:
    _, name = line
    with SerialConsole(name, "unit-7"), pytest.raises(DeviceUnreachable, match=r"unit-8: .*another program"):
        SerialConsole(name, "unit-8")


def test_a_lost_line_is_told_and_opened_again_only_when_asked_for(server: socket.socket) -> None:
    console = SerialConsole(url_of(server), "unit-7")
    console.start_log()
    device, _ = server.accept()
    device.sendall(b"booting\n")
    console.expect(b"booting", deadline=10)
    device.close()
    with pytest.raises(ConnectionLost, match="unit-7: "):
        console.expect(b"login", deadline=10)
    with pytest.raises(ConnectionLost, match="unit-7: "):
        console.write(b"x")
    console.reconnect()
    device, _ = server.accept()
    device.sendall(b"login: ")
    console.expect(b"login: ", deadline=10)
    device.close()
    console.close()
    console.close()
    log = console.log()
    assert re.search(r"booting\n.* \[console socket://.* lost: .*\]\n.* \[console .* opened again\]\n.* login: ", log)


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # in pyserial itself
def test_a_console_over_rfc2217(server: socket.socket) -> None:
    def serve() -> None:
        port = serial.serial_for_url("loop://", timeout=0.05)
        connection, _ = server.accept()
        with port, connection:
            # pyserial's types name its own client where its documentation says any port, and any writer.
            manager = serial.rfc2217.PortManager(port, Wire(connection))  # type: ignore[arg-type]
            connection.settimeout(0.05)
            while True:
                try:
                    data = connection.recv(1024)
                    if not data:
                        return
                    port.write(b"".join(manager.filter(data)))
                except TimeoutError:
                    pass
                answer = port.read(port.in_waiting)
                if answer:
                    connection.sendall(b"".join(manager.escape(answer)))

    serving = threading.Thread(target=serve)
    serving.start()
    with SerialConsole(url_of(server).replace("socket", "rfc2217"), "unit-7") as console:
        console.write(b"an echo\xff# ")
        assert console.expect(b"# ", deadline=10) == b"an echo\xff# "
    serving.join()


class Wire:
    """What pyserial's server of the protocol writes its own answers to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)


def test_a_console_that_is_not_there(server: socket.socket) -> None:
    url = url_of(server)
    server.close()
    with pytest.raises(DeviceUnreachable, match=f"unit-7: .*{url}"):
        SerialConsole(url, "unit-7")
    with pytest.raises(DeviceUnreachable, match=r"unit-7: .*/dev/no-such-tty"):
        SerialConsole("/dev/no-such-tty", "unit-7")
    with pytest.raises(BadAddress, match=r"unit-7: .*carrier-pigeon"):
        SerialConsole("carrier-pigeon://x", "unit-7")


def test_no_thread_is_left_behind(line: tuple[int, str]) -> None:
    console = SerialConsole(line[1], "unit-77")
    console.close()
    eventually(lambda: all(thread.name != "console unit-77" for thread in threading.enumerate()), "the thread's end")


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_lines_are_the_same_however_they_come(pieces: list[bytes]) -> None:
    whole, cut = LineLog(), LineLog()
    whole.add(b"".join(pieces), NOON)
    for piece in pieces:
        cut.add(piece, NOON)
    assert whole.text() == cut.text()


def test_a_log_does_not_grow_for_ever() -> None:
    log = LineLog()
    for _ in range(LINES_MOST + 7):
        log.add(b"x\n", NOON)
    assert log.text().startswith("[7 earlier lines were dropped]\n")
    log.add(b"y" * 10_000, NOON)
    assert max(map(len, log.text().splitlines())) < 10_100
