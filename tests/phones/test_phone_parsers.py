"""Parsers of what phones and adb servers say: whole, cut anywhere, or garbage."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness import android
from ontarget.harness.transports.adb.framing import ShellV2, split_plain
from ontarget.harness.transports.adb.listing import parse


@given(st.lists(st.tuples(st.sampled_from((1, 2)), st.binary(max_size=40)), max_size=8), st.integers(1, 9))
def test_streams_come_apart_wherever_they_were_cut(packets: list[tuple[int, bytes]], step: int) -> None:
    packets = [(2, b"ontarget-pid 7\n"), *packets]
    data = b"".join(struct.pack("<BI", kind, len(piece)) + piece for kind, piece in packets)
    data += struct.pack("<BIB", 3, 1, 139)
    framing = ShellV2()
    for at in range(0, len(data), step):
        framing.take(data[at : at + step])
    assert (framing.number, framing.status) == (7, -11)
    assert framing.stdout == b"".join(piece for kind, piece in packets if kind == 1)
    assert framing.stderr == b"".join(piece for kind, piece in packets[1:] if kind == 2)


@given(st.text())
def test_any_text_is_a_list_of_devices_or_none(text: str) -> None:
    assert all(entry.serial and entry.state for entry in parse(text))
    android.phone(android.properties(text))


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 127))
def test_a_trailer_tells_stderr_and_status(stdout: bytes, stderr: bytes, status: int) -> None:
    assert split_plain(stdout + stderr + b"%08d%04d" % (len(stderr), status)) == (stdout, stderr, status)
