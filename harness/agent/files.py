"""The agent's file store, and files of the device: the client's end."""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from ontarget.harness.agent.conversation import Answer, Conversation
from ontarget.harness.agent.frames import MAX_PAYLOAD, Op, PayloadReader, Status, text, texts
from ontarget.harness.errors import MissingFile, OntargetError

CHUNK = 1 << 18
_FOREVER = 0xFFFFFFFFFFFFFFFF


def stat_file(conversation: Conversation, digest: str, name: str) -> int | None:
    answer = conversation.wait(conversation.send(Op.STAT, text(digest) + text(name), what=f"looking for {name}"))
    if answer.status == Status.ABSENT:
        return None
    _check(answer)
    return PayloadReader(answer.payload).take("Q")[0]


def store_file(
    conversation: Conversation, local: Path, digest: str, name: str, progress: Callable[[int], None] | None
) -> None:
    failures: list[OntargetError] = []
    accepted = 0

    def note(answer: Answer) -> None:
        error = answer.error()
        if error is not None:
            failures.append(error)

    def counted(size: int) -> Callable[[Answer], None]:
        def listener(answer: Answer) -> None:
            nonlocal accepted
            note(answer)
            if progress is not None and answer.status == Status.OK:
                accepted += size
                progress(accepted)

        return listener

    what = f"storing {local}"
    try:
        with local.open("rb") as file:
            size = local.stat().st_size
            executable = bool(local.stat().st_mode & 0o100)
            begin = text(digest) + text(name) + struct.pack("<BQ", executable, size)
            conversation.send(Op.STORE_BEGIN, begin, what=what, listener=note)
            while not failures and (chunk := file.read(CHUNK)):
                conversation.send(Op.STORE_DATA, chunk, what=what, listener=counted(len(chunk)))
    except FileNotFoundError as error:
        raise MissingFile(f"{local} was to be stored, and is not there", device=conversation.device) from error
    answer = conversation.wait(conversation.send(Op.STORE_END, what=what))
    if failures:
        raise failures[0]
    _check(answer)


def sweep(conversation: Conversation, *, max_age: float, max_bytes: int, keep: Sequence[str]) -> list[str]:
    seconds = min(max(int(max_age), 0), _FOREVER) if max_age != float("inf") else _FOREVER
    request = struct.pack("<QQ", seconds, min(max(max_bytes, 0), _FOREVER)) + texts(keep)
    answer = conversation.wait(conversation.send(Op.SWEEP, request, what="sweeping the deploy root", deadline=60.0))
    _check(answer)
    return PayloadReader(answer.payload).texts()


def read_files(conversation: Conversation, paths: Sequence[str], most: int) -> list[bytes | None]:
    size = struct.pack("<I", min(most, MAX_PAYLOAD))
    requests = [conversation.send(Op.READ_FILE, size + text(path), what=f"reading {path}") for path in paths]
    answers = [conversation.wait(request) for request in requests]
    return [answer.payload if answer.status == Status.OK else None for answer in answers]


def _check(answer: Answer) -> None:
    error = answer.error()
    if error is not None:
        raise error
