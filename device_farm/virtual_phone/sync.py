"""adbd's file service, `sync:` (AOSP, packages/modules/adb/SYNC.TXT and file_sync_protocol.h).

The files are where the commands are, so each act is a command there.
"""

import asyncio
import shlex
import stat
import struct
from typing import Final

from ontarget.device_farm.virtual_phone.behind import Behind
from ontarget.device_farm.virtual_phone.stream import Closed, Stream

_REQUEST: Final = struct.Struct("<4sI")
_PIECE: Final = 64 << 10
_NOT_THERE: Final = 2  # ENOENT
_STAT: Final = "stat -L -c '%f %s %Y %u %g' {}"
_LSTAT: Final = "stat -c '%f %s %Y %u %g' {}"
# adbd makes the folder of what it is sent, and removes what it did not get whole.
_RECEIVE: Final = "umask 0; mkdir -p {folder} && cat > {path} && chmod {mode:o} {path}"


class _Incoming:
    """A stream's bytes, however they were cut."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._held = bytearray()

    async def exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            data = await self._stream.read()
            if data is None:
                raise Closed
            self._held += data
            await self._stream.acknowledge()
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


async def serve(stream: Stream, behind: Behind, *, garbles: bool = False) -> None:
    incoming = _Incoming(stream)
    try:
        while True:
            kind, size = _REQUEST.unpack(await incoming.exactly(_REQUEST.size))
            if kind == b"QUIT":
                return
            path = (await incoming.exactly(size)).decode("utf-8", "surrogateescape")
            await _answer(stream, incoming, behind, kind, path, garbles)
    except Closed:
        return


async def _answer(stream: Stream, incoming: _Incoming, behind: Behind, kind: bytes, path: str, garbles: bool) -> None:
    if kind == b"STAT":
        mode, size, mtime, *_ = await _facts(behind, _LSTAT, path) or (0, 0, 0)
        await stream.write(struct.pack("<4sIII", b"STAT", mode, size & 0xFFFFFFFF, mtime))
    elif kind in (b"STA2", b"LST2"):
        await stream.write(_stat_v2(kind, await _facts(behind, _STAT if kind == b"STA2" else _LSTAT, path)))
    elif kind == b"LIST":
        await _list(stream, behind, path)
    elif kind == b"SEND":
        await _take(stream, incoming, behind, path, garbles)
    elif kind == b"RECV":
        await _give(stream, behind, path)
    else:
        await stream.write(_failure(f"unknown command {kind!r}"))
        raise Closed


def _stat_v2(kind: bytes, facts: tuple[int, ...] | None) -> bytes:
    mode, size, mtime, uid, gid = facts or (0, 0, 0, 0, 0)
    error = 0 if facts else _NOT_THERE
    return struct.pack("<4sIQQIIIIQqqq", kind, error, 0, 0, mode, 1, uid, gid, size, mtime, mtime, mtime)


async def _facts(behind: Behind, command: str, path: str) -> tuple[int, ...] | None:
    status, said, _ = await _run(behind, command.format(shlex.quote(path)))
    words = said.split()
    return (int(words[0], 16), *map(int, words[1:])) if status == 0 and len(words) == 5 else None


async def _list(stream: Stream, behind: Behind, path: str) -> None:
    quoted = shlex.quote(path)
    line = f'cd {quoted} && for f in * .*; do [ -e "$f" ] && stat -c \'%f %s %Y %n\' -- "$f"; done'
    _, said, _ = await _run(behind, line)
    for entry in said.decode("utf-8", "surrogateescape").splitlines():
        mode, size, mtime, name = entry.split(" ", 3)
        raw = name.encode("utf-8", "surrogateescape")
        head = struct.pack("<4sIIII", b"DENT", int(mode, 16), int(size) & 0xFFFFFFFF, int(mtime), len(raw))
        await stream.write(head + raw)
    await stream.write(struct.pack("<4sIIII", b"DONE", 0, 0, 0, 0))


async def _take(stream: Stream, incoming: _Incoming, behind: Behind, words: str, garbles: bool) -> None:
    path, _, mode = words.rpartition(",")
    bits = stat.S_IMODE(int(mode)) if mode.isdigit() else 0o644
    line = _RECEIVE.format(folder=shlex.quote(path.rpartition("/")[0] or "/"), path=shlex.quote(path), mode=bits)
    process = await _start(behind, line)
    stdin = process.stdin
    if stdin is None:
        raise RuntimeError("a process was started without its stdin")
    try:
        while True:
            kind, size = _REQUEST.unpack(await incoming.exactly(_REQUEST.size))
            if kind != b"DATA":
                break
            data = await incoming.exactly(size)
            stdin.write(data[:-1] if garbles else data)
            try:
                await stdin.drain()
            except ConnectionError:
                continue  # why, it says at its end; the rest is read and thrown away
    except Closed:
        process.kill()
        await _run(behind, f"rm -f {shlex.quote(path)}")
        raise
    stdin.close()
    _, said = await process.communicate()
    refused = process.returncode != 0 or kind != b"DONE"
    await stream.write(_failure(said.decode("utf-8", "replace").strip()) if refused else _REQUEST.pack(b"OKAY", 0))


async def _give(stream: Stream, behind: Behind, path: str) -> None:
    status, data, said = await _run(behind, f"cat {shlex.quote(path)}")
    if status != 0:
        await stream.write(_failure(said.decode("utf-8", "replace").strip()))
        return
    for at in range(0, len(data), _PIECE):
        piece = data[at : at + _PIECE]
        await stream.write(_REQUEST.pack(b"DATA", len(piece)) + piece)
    await stream.write(_REQUEST.pack(b"DONE", 0))


async def _start(behind: Behind, line: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*behind.argv(line), stdin=pipe, stdout=pipe, stderr=pipe)


async def _run(behind: Behind, line: str) -> tuple[int, bytes, bytes]:
    process = await _start(behind, line)
    stdout, stderr = await process.communicate()
    return process.returncode or 0, stdout, stderr


def _failure(why: str) -> bytes:
    raw = why.encode("utf-8", "replace")
    return _REQUEST.pack(b"FAIL", len(raw)) + raw
