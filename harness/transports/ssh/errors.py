"""The boundary at which errors of paramiko and of sockets become ours."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from ontarget.harness.errors import (
    AuthenticationFailed,
    BadAddress,
    ConnectionLost,
    DeadlineExceeded,
    DeviceUnreachable,
    HostKeyRefused,
    OntargetError,
)

# From the special to the general: the first that matches is taken.
_KINDS: tuple[tuple[type[Exception], type[OntargetError]], ...] = (
    (paramiko.ConfigParseError, BadAddress),
    (paramiko.CouldNotCanonicalize, BadAddress),
    (paramiko.BadHostKeyException, HostKeyRefused),
    (paramiko.AuthenticationException, AuthenticationFailed),
    (paramiko.ChannelException, DeviceUnreachable),
    (paramiko.ssh_exception.IncompatiblePeer, DeviceUnreachable),
    (paramiko.ProxyCommandFailure, DeviceUnreachable),
    (paramiko.ssh_exception.NoValidConnectionsError, DeviceUnreachable),
    (paramiko.SSHException, ConnectionLost),
    (TimeoutError, DeadlineExceeded),
    (paramiko.buffered_pipe.PipeTimeout, DeadlineExceeded),
    (socket.gaierror, DeviceUnreachable),
    (ConnectionRefusedError, DeviceUnreachable),
    (OSError, ConnectionLost),
    (EOFError, ConnectionLost),
)


def kind_of(foreign: type[BaseException]) -> type[OntargetError] | None:
    """Which of our errors tells of a foreign one; None for what is no matter of the connection."""
    for known, ours in _KINDS:
        if issubclass(foreign, known):
            return ours
    # What else paramiko defines (malformed keys, BER, SFTP) speaks of a peer that does not keep to the protocol.
    return ConnectionLost if foreign.__module__.split(".")[0] == "paramiko" else None


@contextmanager
def translated(device: str, doing: str) -> Iterator[None]:
    """Raise ours for foreign errors, told as "device: could not `doing`: reason"."""
    try:
        yield
    except OntargetError:
        raise
    except Exception as error:  # paramiko lets through what its libraries raise: known kinds become ours, others go on
        ours = kind_of(type(error))
        if ours is None:
            raise
        raise ours(f"could not {doing}: {reason(error)}", device=device) from error


def reason(error: BaseException) -> str:
    """A foreign error's own words; many of them have none."""
    if isinstance(error, EOFError):
        return "the connection ended"
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return str(error) or type(error).__name__
