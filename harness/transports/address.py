"""The words by which people name a device: `local`, `ssh:[user@]host[:port]` and so on."""

import re
from dataclasses import dataclass
from typing import Final

from ontarget.harness.errors import BadAddress

FORMS: Final = "local, ssh:[user@]host[:port], adb:SERIAL[@host:port] or board:MODEL"

# Nothing here may begin with a dash or hold spaces, quotes or control characters: parts of it reach command lines.
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_HOST: Final = rf"(?P<host>{_NAME}|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\])(?::(?P<port>[0-9]{{1,5}}))?"
_SSH: Final = re.compile(rf"(?:(?P<user>{_NAME})@)?{_HOST}")
_SERIAL: Final = re.compile(r"(?P<serial>[A-Za-z0-9][A-Za-z0-9_.:-]*)(?:@(?P<rest>.+))?")
_HOST_ONLY: Final = re.compile(_HOST)
_MODEL: Final = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class LocalAddress:
    """This machine."""

    def __str__(self) -> str:
        return "local"


@dataclass(frozen=True)
class SshAddress:
    """An SSH server. A user or port of None is left to the user's ssh configuration."""

    host: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        return f"ssh:{self.destination}"

    @property
    def destination(self) -> str:
        """`[user@]host[:port]`."""
        user = "" if self.user is None else f"{self.user}@"
        return user + _host_and_port(self.host, self.port)


@dataclass(frozen=True)
class AdbAddress:
    """A phone at an adb server; a host of None is the local server at its default port."""

    serial: str
    host: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        return f"adb:{self.serial}" + ("" if self.host is None else f"@{_host_and_port(self.host, self.port)}")


@dataclass(frozen=True)
class BoardAddress:
    """A virtual board of the model, booted when it is needed."""

    model: str

    def __str__(self) -> str:
        return f"board:{self.model}"


Address = LocalAddress | SshAddress | AdbAddress | BoardAddress


def parse_address(words: str) -> Address:
    """Read the words that name a device. Raises BadAddress."""
    if words == "local":
        return LocalAddress()
    scheme, _, rest = words.partition(":")
    if scheme == "ssh":
        return parse_destination(rest, words)
    if scheme == "adb":
        return _parse_adb(rest, words)
    if scheme == "board":
        if not _MODEL.fullmatch(rest):
            raise BadAddress(f"{words!r}: expected board:MODEL, a model being a word such as virtual-cortex-a53")
        return BoardAddress(rest)
    raise BadAddress(f"{words!r} names no device: expected {FORMS}")


def parse_destination(text: str, words: str | None = None) -> SshAddress:
    """Read `[user@]host[:port]`; an IPv6 address stands in brackets. Raises BadAddress."""
    found = _SSH.fullmatch(text)
    if not found:
        raise BadAddress(f"{words or text!r}: expected [user@]host[:port], an IPv6 address in brackets")
    return SshAddress(found["host"].strip("[]"), found["user"], _port(found["port"], words or text))


def _parse_adb(rest: str, words: str) -> AdbAddress:
    found = _SERIAL.fullmatch(rest)
    if not found:
        raise BadAddress(f"{words!r}: expected adb:SERIAL[@host:port]; `adb devices` lists serials")
    if found["rest"] is None:
        return AdbAddress(found["serial"])
    server = _HOST_ONLY.fullmatch(found["rest"])
    if not server:
        raise BadAddress(f"{words!r}: expected the adb server as host[:port] after the @")
    return AdbAddress(found["serial"], server["host"].strip("[]"), _port(server["port"], words))


def _port(text: str | None, words: str) -> int | None:
    if text is None:
        return None
    port = int(text)
    if not 0 < port < 1 << 16:
        raise BadAddress(f"{words!r}: expected a port from 1 to 65535, found {port}")
    return port


def _host_and_port(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
