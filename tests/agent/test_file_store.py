"""The file store on the device: whole files or none."""

import hashlib
import os
import signal
import struct
import subprocess
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ontarget.harness.agent import build
from ontarget.harness.agent.frames import VERSION, FrameParser, Op, Status, encode, text
from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import DeployFailed, DeviceFull, MissingFile, ProtocolError
from ontarget.harness.transports.local import LocalTransport
from support.agents import NATIVE, start


def file_of(folder: Path, name: str, content: bytes) -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1 << 18, (1 << 20) + 7])
def test_stored_file_is_there_whole(session: AgentSession, tmp_path: Path, size: int) -> None:
    path, digest = file_of(tmp_path, "libx.so.1", os.urandom(size))
    seen: list[int] = []
    assert session.stat_file(digest, path.name) is None
    session.store_file(path, digest, path.name, seen.append)
    assert session.stat_file(digest, path.name) == size
    stored = Path(session.path_of(digest, path.name))
    assert stored.read_bytes() == path.read_bytes()
    assert stored.stat().st_mode & 0o777 == 0o644
    assert stored.parent.stat().st_mode & 0o777 == 0o755
    assert seen == sorted(seen)
    assert (seen or [0])[-1] == size


def test_file_that_is_not_what_its_digest_says(session: AgentSession, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, "liba.so", b"these bytes")
    wrong = "0" * 64
    with pytest.raises(DeployFailed, match=digest):
        session.store_file(path, wrong, path.name)
    assert session.stat_file(wrong, path.name) is None
    assert list((Path(session.root) / "tmp").iterdir()) == []
    session.store_file(path, digest, path.name)


def test_names_that_leave_the_store(session: AgentSession, tmp_path: Path) -> None:
    path, digest = file_of(tmp_path, "liba.so", b"x")
    for name in ["../evil", "..", ".", "", "a/b"]:
        with pytest.raises(ProtocolError):
            session.store_file(path, digest, name)
    with pytest.raises(ProtocolError):
        session.store_file(path, "../" + "a" * 61, "liba.so")
    with pytest.raises(MissingFile, match="gone"):
        session.store_file(tmp_path / "gone.so", digest, "gone.so")
    assert session.stat_file(digest, "liba.so") is None


def test_full_device(session: AgentSession, tmp_path: Path) -> None:
    """A file larger than the agent may write stands for one larger than the disk."""
    path, digest = file_of(tmp_path, "libbig.so", bytes(1 << 20))
    (agent,) = [child for child in psutil.Process().children() if session.root in child.cmdline()]
    agent.rlimit(psutil.RLIMIT_FSIZE, (1 << 19, 1 << 19))
    with pytest.raises(DeviceFull, match="libbig"):
        session.store_file(path, digest, path.name)
    assert session.stat_file(digest, path.name) is None
    assert list((Path(session.root) / "tmp").iterdir()) == []


def test_sweep_by_age_and_by_space(session: AgentSession, tmp_path: Path) -> None:
    digests = []
    for index in range(5):
        path, digest = file_of(tmp_path, f"lib{index}.so", bytes([index]) * 1000)
        session.store_file(path, digest, path.name)
        os.utime(Path(session.root) / digest, (1_000_000 + index, 1_000_000 + index))
        digests.append(digest)
    assert session.stat_file(digests[0], "lib0.so") == 1000  # used now
    assert session.sweep(max_age=float("inf"), max_bytes=5000, keep=[]) == []
    assert session.sweep(max_age=float("inf"), max_bytes=3500, keep=[digests[1]]) == [digests[2], digests[3]]
    assert session.sweep(max_age=3600, max_bytes=1 << 40, keep=[digests[1]]) == [digests[4]]
    assert session.stat_file(digests[0], "lib0.so") == session.stat_file(digests[1], "lib1.so") == 1000


def test_files_of_the_device(session: AgentSession, tmp_path: Path) -> None:
    path, _ = file_of(tmp_path, "some", b"0123456789")
    assert session.read_file(str(path), 4) == b"0123"
    found = session.read_files([str(path), "/nowhere", str(tmp_path), "/proc/cpuinfo", "/dev/null"])
    assert found[:3] == [b"0123456789", None, None]
    assert found[3] is not None
    assert b"processor" in found[3]
    assert found[4] is None


def upload(content: bytes, name: str) -> bytes:
    """All bytes of an agent's input that stores a file."""
    digest = hashlib.sha256(content).hexdigest()
    frames = [
        encode(1, Op.HELLO, struct.pack("<H", VERSION) + text("killed") + struct.pack("<Q", 1) + text("")),
        encode(2, Op.STORE_BEGIN, text(digest) + text(name) + struct.pack("<BQ", 1, len(content))),
        *(encode(3, Op.STORE_DATA, content[at : at + 1000]) for at in range(0, len(content), 1000)),
        encode(4, Op.STORE_END),
    ]
    return b"".join(frames)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(1, len(upload(bytes(20_000), "libcut.so")) - 1), seed=st.integers(0, 255))
def test_upload_killed_at_any_byte_leaves_nothing_whole(root: Path, at: int, seed: int) -> None:
    content = bytes([seed]) * 20_000
    digest = hashlib.sha256(content).hexdigest()
    agent = subprocess.Popen([build.program_for(NATIVE), "serve", root], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.write(upload(content, "libcut.so")[:at])
    agent.stdin.flush()
    agent.send_signal(signal.SIGKILL)
    agent.communicate()
    session = start(LocalTransport("dev"), root, store="killed")
    try:
        assert session.stat_file(digest, "libcut.so") is None
        assert list((root / "tmp").iterdir() if (root / "tmp").exists() else []) == []
    finally:
        session.close()


def test_upload_cut_off_by_the_end_of_input(root: Path) -> None:
    stream = upload(b"y" * 5000, "libcut.so")
    argv = [str(build.program_for(NATIVE)), "serve", str(root)]
    done = subprocess.run(argv, input=stream[:-16], capture_output=True, check=True)
    answers = list(FrameParser().feed(done.stdout))
    assert {answer.word for answer in answers} == {Status.OK}
    assert list((root / "tmp").iterdir()) == []
    assert not (root / hashlib.sha256(b"y" * 5000).hexdigest()).exists()
