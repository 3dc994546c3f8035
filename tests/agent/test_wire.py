"""Frames: what is no frame ends in a typed error, on both sides, and never in more than that."""

import os
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ontarget.harness.agent import build
from ontarget.harness.agent.frames import (
    ANSWER,
    MAX_PAYLOAD,
    VERSION,
    Frame,
    FrameParser,
    Op,
    PayloadReader,
    Status,
    encode,
    text,
)
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.errors import AgentError, ProtocolError
from ontarget.harness.transports.local import LocalTransport
from ontarget.harness.transports.protocols import ByteChannel
from support.agents import NATIVE

HEADER = struct.Struct("<IIHHI")
HELLO = encode(1, Op.HELLO, struct.pack("<H", VERSION) + text("fuzz") + struct.pack("<Q", 1) + text(""))

frames = st.builds(
    Frame,
    request=st.integers(0, 0xFFFFFFFF),
    op=st.integers(0, ANSWER - 1),
    worker=st.integers(0, 0xFFFF),
    word=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=300),
)


def answered(frame: Frame) -> bytes:
    head = HEADER.pack(len(frame.payload), frame.request, frame.op | ANSWER, frame.worker, frame.word)
    return head + frame.payload


@given(st.lists(frames, max_size=6), st.lists(st.integers(1, 50), min_size=1))
def test_frames_survive_any_cutting(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(answered(frame) for frame in sent)
    got: list[Frame] = []
    parser, at, turn = FrameParser(), 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        got += parser.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    parser.finish()
    assert got == sent


@given(frames, st.data())
def test_cut_off_frame_is_an_error(frame: Frame, data: st.DataObject) -> None:
    stream = answered(frame)
    parser = FrameParser()
    assert list(parser.feed(stream[: data.draw(st.integers(1, len(stream) - 1))])) == []
    with pytest.raises(ProtocolError, match="inside a frame"):
        parser.finish()


@given(st.binary(max_size=2000))
@example(b"sh: 1: ontarget-agent: not found\n")
def test_any_bytes_are_frames_or_a_protocol_error(stream: bytes) -> None:
    parser = FrameParser()
    try:
        for frame in parser.feed(stream):
            assert len(frame.payload) <= MAX_PAYLOAD
        parser.finish()
    except ProtocolError:
        pass


@given(st.binary(max_size=200), st.lists(st.sampled_from(["H", "QQ", "BIBiQQBI", "text", "texts"])))
def test_any_payload_is_read_or_a_protocol_error(payload: bytes, wanted: list[str]) -> None:
    reader = PayloadReader(payload)
    try:
        for form in wanted:
            if form == "text":
                reader.text()
            elif form == "texts":
                reader.texts()
            else:
                reader.take(form)
    except ProtocolError:
        pass


def test_request_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="longer than a frame"):
        encode(1, Op.STORE_DATA, bytes(MAX_PAYLOAD + 1))


@pytest.fixture(scope="module", params=[(), ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")])
def agent(request: pytest.FixtureRequest) -> Path:
    """The agent, and the agent built so that it ends at its first wrong access to memory."""
    return build.program_for(NATIVE, request.param)


@pytest.fixture(scope="module")
def fuzz_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def converse(agent: Path, root: Path, stream: bytes) -> tuple[int, list[Frame], str]:
    """Exit status, answers and stderr of an agent whose whole input is `stream`."""
    done = subprocess.run(
        [agent, "serve", root],
        input=stream,
        capture_output=True,
        check=False,
        timeout=60,
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
    )
    parser = FrameParser()
    answers = list(parser.feed(done.stdout))
    parser.finish()
    return done.returncode, answers, done.stderr.decode("utf-8", "replace")


def test_agent_ends_quietly_with_its_input(agent: Path, fuzz_root: Path) -> None:
    assert converse(agent, fuzz_root, b"") == (0, [], "")
    status, answers, _ = converse(agent, fuzz_root, HELLO)
    assert (status, [answer.word for answer in answers]) == (0, [Status.OK])


def test_agent_refuses_an_oversized_frame(agent: Path, fuzz_root: Path) -> None:
    status, answers, _ = converse(agent, fuzz_root, HELLO + HEADER.pack(MAX_PAYLOAD + 1, 7, Op.STORE_DATA, 0, 0))
    assert status == 2
    assert (answers[-1].request, answers[-1].word) == (7, Status.PROTOCOL)
    assert b"longer" in answers[-1].payload


@pytest.mark.parametrize("left", [1, 15, 16, 20])
def test_agent_refuses_a_truncated_frame(agent: Path, fuzz_root: Path, left: int) -> None:
    status, answers, _ = converse(agent, fuzz_root, HELLO + HELLO[:left])
    assert status == 2
    assert answers[-1].word == Status.PROTOCOL
    assert b"inside a frame" in answers[-1].payload


def test_agent_wants_to_be_greeted_first(agent: Path, fuzz_root: Path) -> None:
    status, answers, _ = converse(agent, fuzz_root, encode(5, Op.STAT, b"") + HELLO)
    assert status == 3
    assert [(answer.request, answer.word) for answer in answers] == [(5, Status.PROTOCOL)]


PIECES = [text("a" * 64), text("../x"), text(""), b"\1\0\0\0", bytes(8), b"\xff" * 8]
# Requests that stay harmless whatever their payload: no deadline makes no hang, and processes get no library.
requests = st.builds(
    lambda op, worker, payload, request: HEADER.pack(len(payload), request, op, worker, 100) + payload,
    op=st.sampled_from([*(op for op in Op if op is not Op.READ_FILE), 0, 15, 31, 42, ANSWER]),
    worker=st.integers(0, 3),
    payload=st.one_of(
        st.binary(max_size=80),
        st.lists(st.sampled_from(PIECES)).map(b"".join),
    ),
    request=st.integers(0, 0xFFFFFFFF),
)
spawning = HEADER.pack(12, 9, Op.SPAWN, 1, 0) + struct.pack("<QHH", 0, 0, 0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=st.one_of(st.binary(max_size=400), st.lists(requests, max_size=12).map(b"".join)), greet=st.booleans())
def test_agent_survives_any_input(agent: Path, fuzz_root: Path, stream: bytes, greet: bool) -> None:
    status, answers, errors = converse(agent, fuzz_root, (HELLO + spawning if greet else b"") + stream)
    assert status in (0, 2, 3), errors
    assert errors == ""
    assert all(answer.word in set(Status) for answer in answers)


class OtherProgram(LocalTransport):
    """A device on which something else runs where the agent should."""

    def __init__(self, script: str) -> None:
        super().__init__("odd")
        self._script = script

    def open(self, argv: Sequence[str]) -> ByteChannel:
        return super().open(["sh", "-c", self._script, *argv])


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("echo cannot execute binary file", ProtocolError, "cannot execute binary file"),
        ("echo no such interpreter >&2", AgentError, "no such interpreter"),
        ("printf half", ProtocolError, "half"),
    ],
)
def test_client_tells_what_a_program_that_is_no_agent_says(
    tmp_path: Path, script: str, error: type[AgentError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        AgentSession.start(OtherProgram(script), device="odd", root=str(tmp_path / "root"), fence=Fence("s", 1))
    assert caught.value.device == "odd"
