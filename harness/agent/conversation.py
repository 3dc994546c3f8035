"""Requests and answers over one channel: pipelined, matched by number, with a deadline for each wait."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ontarget.harness.agent.failures import Asked, error_for
from ontarget.harness.agent.frames import Frame, FrameParser, Op, Status, encode
from ontarget.harness.errors import (
    AgentError,
    ConnectionLost,
    DeadlineExceeded,
    Fenced,
    InfraError,
    OntargetError,
    ProtocolError,
)
from ontarget.harness.transports.protocols import ByteChannel

_READ_SIZE = 1 << 16
_WRITE_SIZE = 1 << 16
_MOST_PENDING = 512
_LAST_WORDS = 2.0  # seconds
_CLEANING = 5.0  # seconds


class Answer(NamedTuple):
    """A whole answer; `worker` is the process that it is about."""

    status: int
    worker: int
    payload: bytes
    asked: Asked

    def error(self) -> OntargetError | None:
        return None if self.status == Status.OK else error_for(self.status, self.payload, self.asked)


@dataclass(slots=True)
class _Pending:
    asked: Asked
    worker: int
    listener: Callable[[Answer], None] | None
    parts: list[bytes] = field(default_factory=list)


class Conversation:
    """One client's end of one agent.

    `grace`: seconds that an answer may take beyond the deadlines on the device; `slowness`: by what factor the device's
    clock may lag behind ours. `why_ended` looks for the reason when the agent is gone.
    """

    def __init__(self, channel: ByteChannel, device: str, why_ended: Callable[[], OntargetError | None]) -> None:
        self.device = device
        self.grace = 30.0
        self.slowness = 1.0
        self._channel = channel
        self._why_ended = why_ended
        self._parser = FrameParser()
        self._outgoing = bytearray()
        self._next = 1
        self._pending: dict[int, _Pending] = {}
        self._answers: dict[int, Answer] = {}
        self._broken: OntargetError | None = None

    def send(
        self,
        op: Op,
        payload: bytes | memoryview = b"",
        *,
        what: str,
        worker: int = 0,
        label: str = "",
        deadline: float = 0.0,
        signed_bits: int = 0,
        listener: Callable[[Answer], None] | None = None,
    ) -> int:
        """Send a request without waiting. Its answer goes to `listener` if there is one, else it has to be waited for.

        `deadline` in seconds holds on the device, from when the request's turn comes; 0 is none.
        """
        if self._broken is not None:
            raise self._broken
        if len(self._pending) >= _MOST_PENDING:
            self.write()
            end = time.monotonic() + self._patience(None)
            while len(self._pending) >= _MOST_PENDING // 2:
                self._take_before(end)
        request = self._next
        self._next = self._next % 0xFFFFFFFF + 1
        milliseconds = min(max(round(deadline * 1000), 1), 0xFFFFFFFF) if deadline > 0 else 0
        frame = encode(request, op, payload, worker=worker, word=milliseconds)
        asked = Asked(op, what, self.device, label, deadline, signed_bits)
        self._pending[request] = _Pending(asked, worker, listener)
        self._outgoing += frame
        if len(self._outgoing) >= _WRITE_SIZE:
            self.write()
        return request

    def write(self) -> None:
        """Hand over to the channel what was sent so far."""
        if self._outgoing:
            outgoing, self._outgoing = self._outgoing, bytearray()
            try:
                self._write(memoryview(outgoing))
            except OntargetError as error:
                raise self._lose(error) from None

    def wait(self, request: int) -> Answer:
        """The answer to a request without a listener. Raises Fenced, DeadlineExceeded, AgentError, ConnectionLost."""
        self.write()
        end = time.monotonic() + self._patience(request)
        while request not in self._answers:
            self._take_before(end)
        return self._answers.pop(request)

    def hear(self, heard: Callable[[], bool]) -> None:
        """Take answers until `heard` says that the one with a listener was among them. Raises as `wait`."""
        self.write()
        end = time.monotonic() + self._patience(None)
        while not heard():
            self._take_before(end)

    def close(self) -> None:
        if self._broken is None:
            self._broken = AgentError("the session was closed before", device=self.device)
        # The agent ends and removes what code under test has left; if it is cut short, the next one does.
        self._channel.close(grace=_CLEANING)

    def _patience(self, request: int | None) -> float:
        """Seconds until the answer must be here: whatever is before it may use up its own deadline."""
        total = 0.0
        for number, pending in self._pending.items():
            total += pending.asked.deadline
            if number == request:
                break
        return total * self.slowness + self.grace

    def _take_before(self, end: float) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            self._take(max(end - time.monotonic(), 0.001))
        except OntargetError as error:
            raise self._lose(error) from None

    def _write(self, data: memoryview) -> None:
        try:
            self._channel.write(data, deadline=self.grace)
        except ConnectionLost:
            with suppress(ConnectionLost, DeadlineExceeded):
                while True:  # what the agent said before it ended says more than that it ended
                    self._take(_LAST_WORDS)
            raise

    def _take(self, patience: float) -> None:
        data = self._channel.read(_READ_SIZE, deadline=patience)
        if not data:
            raise self._why_it_ended()
        for frame in self._parser.feed(data):
            self._accept(frame)

    def _accept(self, frame: Frame) -> None:
        pending = self._pending.get(frame.request)
        if pending is None:
            words = frame.payload[:200].decode("utf-8", "replace")
            raise ProtocolError(f"an answer to no request of ours (number {frame.request}): {words}")
        pending.parts.append(frame.payload)
        if frame.word == Status.MORE:
            return
        del self._pending[frame.request]
        answer = Answer(frame.word, frame.worker, b"".join(pending.parts), pending.asked)
        if frame.word != Status.OK and len(pending.parts) > 1:
            answer = Answer(frame.word, frame.worker, frame.payload, pending.asked)
        if frame.word == Status.FENCED:
            raise Fenced(f"{pending.asked.what}: {frame.payload.decode('utf-8', 'replace')}; reserve the device again")
        if pending.listener is None:
            self._answers[frame.request] = answer
        else:
            pending.listener(answer)

    def _why_it_ended(self) -> OntargetError:
        reason = self._why_ended()
        if reason is None:
            self._parser.finish()
            words = self._channel.errors().strip() or "it said nothing"
            reason = AgentError(f"the agent ended while answers were due: {words}", device=self.device)
        return reason

    def _lose(self, error: OntargetError) -> OntargetError:
        """After this error the conversation has lost its thread, and says so from then on: with what is returned."""
        if isinstance(error, ConnectionLost):
            with suppress(InfraError):  # a device that is gone cannot say
                error = self._why_ended() or error
        if isinstance(error, DeadlineExceeded):
            due = next(iter(self._pending.values()), None)
            what = f"{due.asked.what} in process {due.asked.label or 'agent'}" if due else "a request"
            error = DeadlineExceeded(f"no answer to {what} in time: {error}", device=self.device)
        elif error.device is None:
            error = type(error)(str(error), device=self.device)
        self._broken = error
        return error
