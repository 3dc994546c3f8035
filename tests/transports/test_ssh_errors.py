"""Nothing of paramiko's leaves the transport as it is."""

import importlib
import itertools
import pkgutil
import socket
from collections.abc import Iterator

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.errors import (
    AuthenticationFailed,
    ConnectionLost,
    DeadlineExceeded,
    DeviceUnreachable,
    HostKeyRefused,
    OntargetError,
)
from ontarget.harness.transports.numbered import NumberLine
from ontarget.harness.transports.ssh.errors import kind_of, translated

# Paths of a Windows host cannot be imported here.
FOREIGN = {"paramiko._winapi", "paramiko.win_openssh", "paramiko.win_pageant"}


def exceptions_of_paramiko() -> Iterator[type[BaseException]]:
    for module in pkgutil.iter_modules(paramiko.__path__, "paramiko."):
        if module.name not in FOREIGN:
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, BaseException) and "paramiko" in value.__module__:
                    yield value


def test_every_exception_of_paramiko_becomes_ours() -> None:
    found = set(exceptions_of_paramiko())
    assert len(found) > 15
    assert [kind for kind in found if kind_of(kind) is None] == []


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (paramiko.BadHostKeyException, HostKeyRefused),
        (paramiko.PasswordRequiredException, AuthenticationFailed),
        (paramiko.ChannelException, DeviceUnreachable),
        (paramiko.SSHException, ConnectionLost),
        (EOFError, ConnectionLost),
        (ConnectionResetError, ConnectionLost),
        (ConnectionRefusedError, DeviceUnreachable),
        (socket.gaierror, DeviceUnreachable),
        (TimeoutError, DeadlineExceeded),
        (ZeroDivisionError, None),
        (KeyboardInterrupt, None),
    ],
)
def test_what_becomes_of_an_exception(foreign: type[BaseException], ours: type[OntargetError] | None) -> None:
    assert kind_of(foreign) is ours


def test_a_translated_error_keeps_its_cause() -> None:
    with (
        pytest.raises(ConnectionLost, match="unit-7: could not dance: the connection ended") as caught,
        translated("unit-7", "dance"),
    ):
        raise EOFError
    assert isinstance(caught.value.__cause__, EOFError)


def test_our_own_mistakes_are_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), translated("unit-7", "divide"):
        raise ZeroDivisionError


@given(st.binary(max_size=60), st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=5))
def test_the_number_of_a_process_is_found_however_its_stderr_is_cut(
    before: bytes, after: bytes, cuts: list[int]
) -> None:
    before = before.replace(b"ontarget", b"") + b"\n"
    text = before + b"ontarget-pid 4711\n" + after
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    line = NumberLine()
    seen = b"".join(line.feed(text[start:end]) for start, end in itertools.pairwise(places))
    assert seen + line.rest() == before + after
    assert line.number == 4711


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_stderr_without_a_number_is_all_shown(pieces: list[bytes]) -> None:
    line = NumberLine()
    assert b"".join([line.feed(piece) for piece in pieces] + [line.rest()]) == b"".join(pieces)
