"""A device of a chaos run: a process at a Unix socket that lets in the newest token only, as the agent does.

Lines in: `enter TOKEN CLIENT`, then `touch SECONDS` as often as wanted. Lines out: `ok`, `done`, or `fenced TOKEN`
before it hangs up. Whoever enters with a newer token ends what older ones have going on. All is logged, as the device
saw it.
"""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Event:
    """What a device saw: `what` is enter, refuse, begin, done or cut; `at` in seconds by its own clock."""

    at: float
    what: str
    token: int
    client: str


def run(folder: Path, name: str) -> None:
    """Serve at `folder`/`name`.sock and log to `folder`/`name`.log until SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_Device(folder, name).serve())


def read(folder: Path, name: str) -> list[Event]:
    """What the device logged, oldest first."""
    lines = [line.split(" ") for line in (folder / f"{name}.log").read_text().splitlines()]
    return [Event(float(at), what, int(token), client) for at, what, token, client in lines]


class _Device:
    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.sock"
        self._log = (folder / f"{name}.log").open("a", buffering=1)
        self._newest = 0
        self._inside: set[tuple[int, str, asyncio.StreamWriter]] = set()

    async def serve(self) -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        server = await asyncio.start_unix_server(self._client, self._path)
        async with server:
            await ended.wait()
            for *_, writer in self._inside:
                writer.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            words = (await reader.readline()).decode().split()
            if len(words) == 3 and words[0] == "enter":
                await self._session(int(words[1]), words[2], reader, writer)
        except ConnectionError:
            pass  # it was killed, or has entered elsewhere
        finally:
            writer.close()

    async def _session(
        self, token: int, client: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if token < self._newest:
            self._note("refuse", token, client)
            writer.write(f"fenced {self._newest}\n".encode())
            return
        self._newest = token
        self._note("enter", token, client)
        for older, whose, other in list(self._inside):
            if older < token:
                self._note("cut", older, whose)
                other.write(f"fenced {token}\n".encode())
                other.close()
        inside = token, client, writer
        self._inside.add(inside)
        try:
            writer.write(b"ok\n")
            while words := (await reader.readline()).decode().split():
                if token < self._newest:
                    self._note("refuse", token, client)
                    return
                self._note("begin", token, client)
                await asyncio.sleep(float(words[1]))
                if token < self._newest:
                    return
                self._note("done", token, client)
                writer.write(b"done\n")
        finally:
            self._inside.discard(inside)

    def _note(self, what: str, token: int, client: str) -> None:
        self._log.write(f"{time.monotonic():.6f} {what} {token} {client}\n")
