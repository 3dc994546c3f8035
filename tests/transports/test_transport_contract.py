"""What every transport keeps."""

from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ontarget.harness.errors import ConnectionLost, DeadlineExceeded, DeployFailed
from ontarget.harness.transports.protocols import ByteChannel, Transport
from support.waiting import eventually

EVERY_BYTE = bytes(range(256)) * 1000
MEBIBYTE = 1 << 20
# Text that a program can get as an argument: no NUL, nothing that is not UTF-8.
ARGUMENTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=5)


def read_all(channel: ByteChannel, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = channel.read(size - len(data), deadline=20)
        assert piece, f"the channel ended after {len(data)} bytes of {size}"
        data += piece
    return data


def gone(process: int) -> bool:
    return not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def test_run_carries_every_byte_in_and_out(transport: Transport) -> None:
    done = transport.run(["cat"], stdin=EVERY_BYTE)
    assert (done.status, done.stdout, done.stderr) == (0, EVERY_BYTE, b"")


def test_run_keeps_stderr_apart(transport: Transport) -> None:
    done = transport.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_run_passes_much_on_both_streams(transport: Transport) -> None:
    done = transport.run(["sh", "-c", "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero"])
    assert (len(done.stdout), len(done.stderr)) == (1_000_000, 1_000_000)


def test_run_tells_the_signal_that_ended_a_program(transport: Transport) -> None:
    assert transport.run(["sh", "-c", "kill -SEGV $$"]).status == -11


def test_run_says_why_a_program_cannot_start(transport: Transport) -> None:
    done = transport.run(["no-such-program-here"])
    assert done.status == 127
    assert b"no-such-program-here" in done.stderr


def test_run_does_not_wait_for_a_program_to_read_its_input(transport: Transport) -> None:
    assert transport.run(["true"], stdin=b"x" * 8 * MEBIBYTE).status == 0


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ARGUMENTS)
def test_arguments_arrive_as_they_are(transport: Transport, arguments: list[str]) -> None:
    done = transport.run(["sh", "-c", r'for word; do printf "%s\0" "$word"; done', "sh", *arguments])
    assert done.stdout == b"".join(word.encode() + b"\0" for word in arguments)


def test_run_ends_a_program_at_its_deadline(transport: Transport, tmp_path: Path) -> None:
    number = tmp_path / "number"
    with pytest.raises(DeadlineExceeded, match=r"unit-7: .*sleep.* 1 s"):
        transport.run(["sh", "-c", f"echo $$ > {number}; exec sleep 600"], deadline=1.0)
    eventually(lambda: gone(int(number.read_text())), "the end of the program")


def test_a_channel_echoes_every_byte(transport: Transport) -> None:
    channel = transport.open(["cat"])
    channel.write(memoryview(EVERY_BYTE))
    assert read_all(channel, len(EVERY_BYTE)) == EVERY_BYTE
    channel.close()


def test_read_returns_what_has_come_without_waiting_for_more(transport: Transport) -> None:
    channel = transport.open(["cat"])
    for word in (b"one", b"three"):
        channel.write(word)
        assert channel.read(MEBIBYTE, deadline=10) == word
    channel.close()


def test_read_returns_no_more_than_asked_for(transport: Transport) -> None:
    channel = transport.open(["cat"])
    channel.write(b"abcdef")
    assert read_all(channel, 6) == b"abcdef"
    channel.write(b"abcdef")
    assert channel.read(1, deadline=10) == b"a"
    assert read_all(channel, 5) == b"bcdef"
    channel.close()


def test_much_is_written_while_nobody_reads_the_answer(transport: Transport) -> None:
    channel = transport.open(["cat"])
    data = bytes(range(256)) * (8 * MEBIBYTE // 256)
    channel.write(data, deadline=30)
    assert read_all(channel, len(data)) == data
    channel.close()


def test_the_end_of_a_process_is_the_end_of_its_channel(transport: Transport) -> None:
    channel = transport.open(["echo", "bye"])
    assert read_all(channel, 4) == b"bye\n"
    assert channel.read(1, deadline=10) == b""
    assert channel.read(1, deadline=10) == b""
    channel.close()


def test_writing_to_a_process_that_has_ended_is_told(transport: Transport) -> None:
    channel = transport.open(["sh", "-c", "echo tired >&2"])
    assert channel.read(1, deadline=10) == b""
    with pytest.raises(ConnectionLost, match=r"unit-7: .*tired"):
        channel.write(b"x" * 8 * MEBIBYTE)
    channel.close()


def test_a_silent_process_meets_the_deadline_and_may_go_on(transport: Transport) -> None:
    channel = transport.open(["cat"])
    with pytest.raises(DeadlineExceeded, match=r"unit-7: .*cat"):
        channel.read(1, deadline=0.05)
    channel.write(b"x")
    assert channel.read(1, deadline=10) == b"x"
    channel.close()


def test_a_process_that_does_not_read_meets_the_deadline(transport: Transport) -> None:
    channel = transport.open(["sleep", "600"])
    with pytest.raises(DeadlineExceeded, match=r"unit-7: .*sleep 600"):
        channel.write(b"x" * 16 * MEBIBYTE, deadline=0.3)
    channel.close()


def test_errors_are_the_last_of_stderr(transport: Transport) -> None:
    channel = transport.open(["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x >&2; echo why >&2; echo done"])
    assert read_all(channel, 5) == b"done\n"
    assert channel.read(1, deadline=10) == b""
    assert channel.errors().endswith("xwhy\n")
    assert len(channel.errors()) == 64 << 10
    channel.close()
    assert channel.errors().endswith("xwhy\n")


def test_a_program_that_cannot_start_is_a_channel_at_its_end(transport: Transport) -> None:
    channel = transport.open(["no-such-program-here"])
    assert channel.read(1, deadline=10) == b""
    assert "no-such-program-here" in channel.errors()
    channel.close()


def test_close_ends_the_process_and_may_be_called_twice(transport: Transport, tmp_path: Path) -> None:
    number = tmp_path / "number"
    channel = transport.open(["sh", "-c", f"trap '' HUP TERM INT; echo $$ > {number}; echo; sleep 600"])
    assert read_all(channel, 1) == b"\n"
    process = int(number.read_text())
    channel.close()
    eventually(lambda: gone(process), "the end of the process")
    channel.close()
    with pytest.raises(ConnectionLost, match="closed"):
        channel.read(1, deadline=1)
    with pytest.raises(ConnectionLost, match="unit-7"):
        channel.write(b"x")


def test_close_lets_a_process_tidy_up_at_the_end_of_its_input(transport: Transport, tmp_path: Path) -> None:
    channel = transport.open(["sh", "-c", f"echo; cat; touch {tmp_path}/tidy"])
    assert read_all(channel, 1) == b"\n"
    channel.close()
    assert (tmp_path / "tidy").exists()


def test_put_makes_folders_and_keeps_every_byte(transport: Transport, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(EVERY_BYTE)
    target = tmp_path / "it's a new" / "folder" / "file"
    transport.put(source, str(target))
    assert target.read_bytes() == EVERY_BYTE
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_put_replaces_a_program_that_is_running(transport: Transport, tmp_path: Path) -> None:
    program = tmp_path / "program"
    transport.put(Path("/bin/cat"), str(program), executable=True)
    channel = transport.open([str(program)])
    channel.write(b"x")
    assert channel.read(1, deadline=10) == b"x"
    transport.put(Path("/bin/echo"), str(program), executable=True)
    channel.write(b"y")
    assert channel.read(1, deadline=10) == b"y"
    channel.close()
    assert transport.run([str(program), "new"]).stdout == b"new\n"


def test_put_says_why_it_cannot(transport: Transport, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(DeployFailed, match=r"unit-7: .*source"):
        transport.put(source, str(source / "below-a-file"))
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
