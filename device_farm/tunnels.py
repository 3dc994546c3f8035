"""Ports of other hosts that belong to a device, reached through SSH: nothing crosses the network in the open.

The host to go through is the entry's `jump`, else the one that the port is on. Where `insecure = true`, or where the
port is this machine's own, the connection is made as it stands.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from ontarget.device_farm.inventory import DeviceEntry
from ontarget.harness.errors import BadAddress, DeviceUnreachable, InfraError, UserError
from ontarget.harness.transports.address import AdbAddress, SshAddress, parse_destination

if TYPE_CHECKING:
    from ontarget.harness.transports.ssh import SshTransport

ADB_PORT: Final = 5037
_OWN: Final = "127.0.0.1"
_NETWORK_SCHEMES: Final = ("rfc2217", "socket")


@dataclass(frozen=True)
class Reached:
    """A port to connect to from here; `close` ends what leads there."""

    host: str
    port: int
    close: Callable[[], None]

    @property
    def tunnelled(self) -> bool:
        return self.close is not _nothing


def reach(entry: DeviceEntry, host: str, port: int, what: str) -> Reached:
    """Return where to connect for the device's `what` at `host`:`port`, as seen from its jump host if it has one.

    Raises DeviceUnreachable, DeadlineExceeded, UserError, telling what the entry could say instead.
    """
    if entry.insecure or (entry.jump is None and is_loopback(host)):
        return Reached(host, port, _nothing)
    from ontarget.harness.transports.ssh import SshTransport

    through, far = _through(entry, host)
    try:
        transport = SshTransport.connect(
            f"{entry.name} (host {through.host})", through, jump=_before(entry) if entry.jump else None
        )
        return _tunnelled(transport, far, port)
    except (InfraError, UserError) as error:
        kind = UserError if isinstance(error, UserError) else DeviceUnreachable
        raise kind(
            f"its {what} at {host} port {port} is reached through SSH to {through.destination}, as it would else "
            f"cross the network in the open, and that failed: {error}. Expected that host to let us in, or another "
            'named as `jump = "[user@]host[:port]"`, or `insecure = true` where the network may be trusted',
            device=entry.name,
        ) from error


def adb_server(entry: DeviceEntry, address: AdbAddress) -> Reached:
    """Return the adb server that has the phone, which listens at its own host's loopback address. Raises as `reach`."""
    return reach(entry, address.host or _OWN, address.port or ADB_PORT, "adb server")


def console(entry: DeviceEntry, url: str) -> tuple[str, Callable[[], None]]:
    """Return the URL to open for a console's, and what ends what leads there. Raises as `reach`, BadAddress."""
    parts = urlsplit(url)
    if parts.scheme not in _NETWORK_SCHEMES:
        return url, _nothing
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise BadAddress(
            f"the console {url!r} has no host or port: expected {parts.scheme}://HOST:PORT", device=entry.name
        )
    reached = reach(entry, host, port, "console")
    if not reached.tunnelled:
        return url, _nothing
    return urlunsplit(parts._replace(netloc=f"{reached.host}:{reached.port}")), reached.close


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by a name or address that no network can mean."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _through(entry: DeviceEntry, host: str) -> tuple[SshAddress, str]:
    """The host to go through, and what it is to connect to: itself, where the port is on it."""
    if entry.jump is None:
        return SshAddress(host), _OWN
    last = parse_destination(entry.jump.rpartition(",")[2])
    return last, _OWN if host == last.host else host


def _before(entry: DeviceEntry) -> str | None:
    return (entry.jump or "").rpartition(",")[0] or None


def _tunnelled(transport: "SshTransport", host: str, port: int) -> Reached:
    try:
        tunnel = transport.tunnel(host, port)
    except BaseException:
        transport.close()
        raise

    def close() -> None:
        tunnel.close()
        transport.close()

    return Reached(_OWN, tunnel.port, close)


def _nothing() -> None:
    pass
