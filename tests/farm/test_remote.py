"""Commands on a device, streamed; here the device is this machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.errors import LeaseLost
from ontarget.device_farm.remote import news, stream
from ontarget.harness.transports.local import LocalTransport


def run(*argv: str) -> tuple[int, bytes, str]:
    out: list[bytes] = []
    err: list[str] = []
    status = stream(
        LocalTransport("local"), argv, device="local", stdout=out.append, stderr=err.append, check=lambda: None
    )
    return status, b"".join(out), "".join(err)


@pytest.mark.parametrize(
    ("argv", "status", "out", "err"),
    [
        (("printf", "%s", "a b"), 0, b"a b", ""),
        (("sh", "-c", "echo out; echo err >&2; exit 7"), 7, b"out\n", "err\n"),
        (("sh", "-c", "printf 0123abcdef >&2"), 0, b"", "0123abcdef"),
        (("cat",), 0, b"", ""),
        (("sh", "-c", "kill -9 $$"), 137, b"", None),
    ],
)
def test_output_and_status(argv: tuple[str, ...], status: int, out: bytes, err: str | None) -> None:
    found = run(*argv)
    assert found[:2] == (status, out)
    assert err is None or found[2] == err


def test_a_command_that_is_not_there() -> None:
    status, _, err = run("no-such-program")
    assert status == 127
    assert "no-such-program" in err


def test_bytes_come_through_unchanged() -> None:
    _, out, _ = run("sh", "-c", "printf '\\000\\377\\n\\r'")
    assert out == b"\x00\xff\n\r"


def test_a_check_that_fails_ends_the_command() -> None:
    def check() -> None:
        raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        stream(LocalTransport("local"), ["sleep", "60"], device="local", stdout=id, stderr=id, check=check)


def test_an_interrupt_goes_to_the_command_and_its_status_comes_back() -> None:
    presses = iter([True])
    out: list[bytes] = []
    status = stream(
        LocalTransport("local"),
        ["setsid", "-w", "sh", "-c", "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done"],
        device="local",
        stdout=out.append,
        stderr=id,
        check=lambda: None,
        interrupted=lambda: b"ready\n" in out and next(presses, False),
    )
    assert (status, b"".join(out)) == (9, b"ready\ncaught\n")


@given(st.text(max_size=50), st.text(max_size=50))
def test_news_of_a_text_that_grows(before: str, more: str) -> None:
    assert news(before, before + more) == more


def test_news_of_a_text_that_lost_its_beginning() -> None:
    lines = [f"line {number}\n" for number in range(3000)]
    before, now = "".join(lines[:2000]), "".join(lines[500:2100])
    assert news(before, now) == "".join(lines[2000:2100])
    assert news("something else", "all new") == "all new"
