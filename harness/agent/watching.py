"""What the agent samples beside duets: the client's end."""

import struct
from dataclasses import dataclass
from typing import Final

from ontarget.harness.agent.conversation import Conversation
from ontarget.harness.agent.frames import Op, PayloadReader, texts

FILES_MOST: Final = 16
PERIOD: Final = 0.02
"""Seconds between samples; the agent takes them less often where they would cost more than 1 % of the time."""


@dataclass(frozen=True)
class Sample:
    """Contents of the watched files (None: not readable), `seconds` after a duet began."""

    seconds: float
    contents: tuple[bytes | None, ...]


@dataclass(frozen=True)
class Watched:
    """What was sampled beside duets that took `total` seconds; it took `spent` of them."""

    samples: tuple[Sample, ...]
    spent: float
    total: float


def watch(conversation: Conversation, paths: list[str], period: float) -> None:
    """Sample the files, the first 16, about every `period` seconds of the duets to come. Raises AgentError."""
    request = struct.pack("<I", round(1000 * period)) + texts(paths[:FILES_MOST])
    answer = conversation.wait(conversation.send(Op.WATCH, request, what="watching files"))
    error = answer.error()
    if error is not None:
        raise error


def watched(conversation: Conversation) -> Watched:
    """What was sampled since the last call. Raises AgentError."""
    answer = conversation.wait(conversation.send(Op.WATCHED, what="reading what was sampled"))
    error = answer.error()
    if error is not None:
        raise error
    reader = PayloadReader(answer.payload)
    spent, total, count = reader.take("QQH")
    samples = []
    for _ in range(count):
        (at,) = reader.take("Q")
        contents = tuple(text.encode() or None for text in reader.texts())
        samples.append(Sample(at / 1e9, contents))
    return Watched(tuple(samples), spent / 1e9, total / 1e9)
