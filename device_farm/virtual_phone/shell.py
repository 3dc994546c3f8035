"""adbd's services that run commands: `shell:`, `exec:`, and `shell,v2:` (AOSP, packages/modules/adb/shell_service.cpp).

There are no terminals: a shell that asks for one gets pipes.
"""

import asyncio
import os
import signal
import struct
from contextlib import suppress
from typing import Final

from ontarget.device_farm.virtual_phone.behind import Behind
from ontarget.device_farm.virtual_phone.stream import Closed, Stream

_HEADER: Final = struct.Struct("<BI")
_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
_PIECE: Final = 1 << 16


async def serve(stream: Stream, behind: Behind, line: str, *, v2: bool) -> None:
    """Run the line and carry its streams until it ends or the other side hangs up, which ends it."""
    process = await asyncio.create_subprocess_exec(
        *behind.argv(line or "exec sh"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if v2 else asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    feeding = asyncio.create_task(_feed(stream, process, v2=v2))
    try:
        carried = [_carry(stream, process.stdout, _STDOUT if v2 else None)]
        if v2:
            carried.append(_carry(stream, process.stderr, _STDERR))
        carrying = asyncio.gather(*carried)
        done, _ = await asyncio.wait((carrying, feeding), return_when=asyncio.FIRST_COMPLETED)
        if carrying not in done:  # the other side has hung up
            carrying.cancel()
            return
        carrying.result()
        status = await process.wait()
        if v2:
            await stream.write(_HEADER.pack(_EXIT, 1) + bytes((status if status >= 0 else 128 - status,)))
    except Closed:
        pass
    finally:
        feeding.cancel()
        if v2 and process.returncode is None:  # without the protocol nobody watches: its streams end, and that is all
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGHUP)
        if process.stdin is not None:
            process.stdin.close()
        _let_go(process)


def _let_go(process: asyncio.subprocess.Process) -> None:
    """Close our ends of its pipes: one that goes on writing is told so by the system."""
    transport = getattr(process, "_transport", None)
    for descriptor in (1, 2):
        pipe = None if transport is None else transport.get_pipe_transport(descriptor)
        if pipe is not None:
            pipe.close()


async def _carry(stream: Stream, source: asyncio.StreamReader | None, kind: int | None) -> None:
    while source is not None and (data := await source.read(_PIECE)):
        await stream.write(data if kind is None else _HEADER.pack(kind, len(data)) + data)


async def _feed(stream: Stream, process: asyncio.subprocess.Process, *, v2: bool) -> None:
    """Carry what comes to the process's stdin. Ends only where the other side hangs up."""
    pending = bytearray()
    stdin = process.stdin
    if stdin is None:
        raise RuntimeError("a process was started without its stdin")
    while (data := await stream.read()) is not None:
        with suppress(ConnectionError):  # it no longer reads: what comes is thrown away
            if v2:
                pending += data
                for kind, piece in _packets(pending):
                    if kind == _STDIN:
                        stdin.write(piece)
                        await stdin.drain()
                    elif kind == _CLOSE_STDIN:
                        stdin.close()
            else:
                stdin.write(data)
                await stdin.drain()
        await stream.acknowledge()


def _packets(pending: bytearray) -> list[tuple[int, bytes]]:
    """Take the whole packets out of what has come."""
    found = []
    while len(pending) >= _HEADER.size:
        kind, size = _HEADER.unpack_from(pending)
        if len(pending) < _HEADER.size + size:
            break
        found.append((kind, bytes(pending[_HEADER.size : _HEADER.size + size])))
        del pending[: _HEADER.size + size]
    return found
