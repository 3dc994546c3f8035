"""What goes wrong between us, a real adb server and a phone, and what is then said."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ontarget.device_farm.virtual_phone import VirtualPhone
from ontarget.harness.errors import ConnectionLost, DeadlineExceeded, DeployFailed, DeviceUnreachable, InfraError
from ontarget.harness.transports.adb import AdbTransport
from ontarget.harness.transports.adb.errors import (
    AdbServerLost,
    AdbServerUnreachable,
    DuplicateSerial,
    NoSuchPhone,
    PhoneOffline,
    Unauthorized,
    Unplugged,
)
from ontarget.harness.transports.address import AdbAddress
from support.phones import HOST, AdbServer
from support.sshd import free_port


def test_a_phone_that_does_not_trust_us_says_what_to_tap(adb_server: AdbServer, phone: VirtualPhone) -> None:
    phone.faults.trusting = False
    with pytest.raises(Unauthorized, match=r"^phone-7: .*`unauthorized`.*Always allow from this computer"):
        adb_server.transport(phone)
    phone.faults.trusting = True  # somebody taps
    adb_server.until(phone, "device")
    assert adb_server.transport(phone).run(["echo", "in"]).stdout == b"in\n"


def test_a_trusted_computer_proves_itself_by_its_key(adb_server: AdbServer, phone: VirtualPhone) -> None:
    transport = adb_server.transport(phone)
    phone.faults.trusting = False  # a key that it does not know would not do
    phone.drop()
    transport.reconnect()
    assert transport.run(["echo", "again"]).stdout == b"again\n"
    phone.distrust()
    adb_server.until(phone, "unauthorized", "offline")
    with pytest.raises(InfraError):
        transport.run(["true"])


def test_a_cable_pulled_in_the_middle(adb_server: AdbServer, phone: VirtualPhone) -> None:
    transport = adb_server.transport(phone)
    channel = transport.open(["cat"])
    channel.write(b"x")
    assert channel.read(1, deadline=10) == b"x"
    with phone.unplugged():
        with pytest.raises(Unplugged, match=r"^phone-7: .*`cat`|^phone-7: .*cable"):
            channel.read(1, deadline=20)
        assert not transport.alive
        with pytest.raises(DeviceUnreachable, match="phone-7"):
            transport.run(["true"], deadline=5)
    transport.reconnect()
    assert transport.run(["echo", "back"]).stdout == b"back\n"
    with pytest.raises(ConnectionLost):
        channel.write(b"x" * (1 << 20))
    channel.close()


def test_a_command_that_was_cut_off_is_told(adb_server: AdbServer, phone: VirtualPhone) -> None:
    transport = adb_server.transport(phone)
    cutting = threading.Timer(0.3, phone.drop)
    cutting.start()
    with pytest.raises(DeviceUnreachable, match="phone-7"):
        transport.run(["sleep", "600"], deadline=20)
    cutting.join()
    transport.reconnect()


@pytest.mark.parametrize("shell_v2", [True, False])
def test_a_transfer_cut_in_the_middle_leaves_nothing_that_looks_whole(
    adb_server: AdbServer, phone: VirtualPhone, tmp_path: Path, shell_v2: bool
) -> None:
    phone.faults.shell_v2 = shell_v2
    transport = adb_server.transport(phone)
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 8000)
    target = tmp_path / "there" / "agent"
    phone.faults.drop_after = 1 << 20
    with pytest.raises(InfraError, match="phone-7"):
        transport.put(source, str(target))
    assert not target.exists()
    transport.reconnect()
    transport.put(source, str(target))
    assert target.read_bytes() == source.read_bytes()


def test_a_phone_that_garbles_what_it_is_sent_is_not_believed(
    adb_server: AdbServer, phone: VirtualPhone, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    phone.faults.garbles = True
    with pytest.raises(DeployFailed, match=r"expected the 3 bytes of .*not to be trusted"):
        adb_server.transport(phone).put(source, str(tmp_path / "there"))
    assert not (tmp_path / "there").exists()


def test_a_slow_phone_is_only_slow(adb_server: AdbServer, phone: VirtualPhone, tmp_path: Path) -> None:
    transport = adb_server.transport(phone)
    phone.faults.delay = 0.02
    assert transport.run(["cat"], stdin=b"x" * 200_000).stdout == b"x" * 200_000
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    transport.put(source, str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == b"abc"


def test_a_phone_that_hangs_meets_the_deadline(adb_server: AdbServer, phone: VirtualPhone) -> None:
    transport = adb_server.transport(phone)
    phone.faults.silent = True
    with pytest.raises(DeadlineExceeded, match="phone-7"):
        transport.run(["true"], deadline=0.5)
    phone.faults.silent = False
    assert transport.run(["echo", "on"]).stdout == b"on\n"


def test_a_restart(adb_server: AdbServer, phone: VirtualPhone) -> None:
    transport = adb_server.transport(phone)
    transport.reboot()
    transport.reconnect(deadline=30)
    assert phone.reboots == 1
    assert transport.run(["echo", "up"]).stdout == b"up\n"


def test_a_serial_that_nobody_has(adb_server: AdbServer, phone: VirtualPhone) -> None:
    adb_server.transport(phone)
    with pytest.raises(NoSuchPhone, match=rf"serial R58M123 .* found .*{phone.serial} \(device\)"):
        AdbTransport.connect("phone-7", AdbAddress("R58M123", HOST, adb_server.port), deadline=1)
    nobody = f"{HOST}:{free_port()}"
    with pytest.raises((NoSuchPhone, PhoneOffline), match=nobody):
        AdbTransport.connect("phone-7", AdbAddress(nobody, HOST, adb_server.port), deadline=2)


def test_no_server_on_another_host_is_started() -> None:
    port = free_port()
    with pytest.raises(AdbServerUnreachable, match=r"no adb server answers at .*adb start-server"):
        AdbTransport.connect("phone-7", AdbAddress("R58M123"), server=(HOST, port))


def test_a_server_is_started_where_none_runs_and_ends_in_the_middle(
    own_server: AdbServer, phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(own_server.home))
    own_server.kill()
    transport = own_server.transport(phone)
    assert own_server.listens
    channel = transport.open(["cat"])
    own_server.kill()
    with pytest.raises(AdbServerLost, match=r"phone-7: .*the adb server has ended"):
        channel.read(1, deadline=20)
    channel.close()
    transport.reconnect()
    assert transport.run(["echo", "on"]).stdout == b"on\n"


class OtherVersion:
    """Stands before a real server and says that it is of version 40; `asked` is all that it was asked for."""

    def __init__(self, server: AdbServer) -> None:
        self._server = server
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.asked: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        request = near.recv(1 << 16)
        self.asked.append(request)
        if b"host:version" in request:
            near.sendall(b"OKAY00040028")
        elif b"host:kill" in request:
            near.sendall(b"OKAY")
        else:
            with socket.create_connection((HOST, self._server.port)) as far:
                far.sendall(request)
                back = threading.Thread(target=_pour, args=(far, near), daemon=True)
                back.start()
                _pour(near, far)
                back.join()
        near.close()

    def close(self) -> None:
        self._listener.close()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def other_version(server: AdbServer) -> Iterator[OtherVersion]:
    stand_in = OtherVersion(server)
    try:
        yield stand_in
    finally:
        stand_in.close()


def test_a_server_of_another_version_is_used_and_not_killed(adb_server: AdbServer, phone: VirtualPhone) -> None:
    adb_server.transport(phone)
    with other_version(adb_server) as server:
        transport = AdbTransport.connect("phone-7", AdbAddress(phone.serial, HOST, server.port))
        assert transport.run(["echo", "on"]).stdout == b"on\n"
        assert not any(b"kill" in request for request in server.asked)
        # which is what a client does to it
        adb_server.client("-P", str(server.port), "devices", most=20)
        assert any(b"host:kill" in request for request in server.asked)


def test_two_devices_of_one_serial_are_told_apart_by_their_port() -> None:
    """Serials come from makers who give many devices one, so a stand-in lists two as a server with two does."""
    listed = b"0123456789ABCDEF       device usb:1-1.2 product:a model:B device:c transport_id:1\n"
    listed += b"0123456789ABCDEF       device usb:1-1.3 product:a model:B device:c transport_id:2\n"
    answers = {b"host:devices-l": b"OKAY%04x%s" % (len(listed), listed)}
    asked: list[bytes] = []
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            with near:
                request = near.recv(1 << 16)[4:]
                asked.append(request)
                near.sendall(answers.get(request, b"FAIL0014more than one device"))

    threading.Thread(target=serve, daemon=True).start()
    try:
        port = int(listener.getsockname()[1])
        with pytest.raises(DuplicateSerial, match=r"found 2: .*adb:usb:1-1\.2, adb:usb:1-1\.3"):
            AdbTransport.connect("phone-7", AdbAddress("0123456789ABCDEF", HOST, port), deadline=2)
        transport = AdbTransport.connect("phone-7", AdbAddress("usb:1-1.3", HOST, port), deadline=2)
        with pytest.raises(DeviceUnreachable):
            transport.run(["true"])
        assert b"host-serial:usb:1-1.3:features" in asked
    finally:
        listener.close()
