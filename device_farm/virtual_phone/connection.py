"""One connection of an adb server to the phone: greeting, proof of who it is, and the streams."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ontarget.device_farm.virtual_phone import shell, sync
from ontarget.device_farm.virtual_phone.behind import Behind
from ontarget.device_farm.virtual_phone.faults import Faults
from ontarget.device_farm.virtual_phone.keys import parse_public_key, signed_by
from ontarget.device_farm.virtual_phone.stream import Stream
from ontarget.device_farm.virtual_phone.wire import (
    AUTH_PUBLIC_KEY,
    AUTH_SIGNATURE,
    AUTH_TOKEN,
    PAYLOAD_MOST,
    VERSION,
    BadMessage,
    Message,
    read_message,
)

_TOKEN_BYTES: Final = 20
_FEATURES: Final = ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir", "apex", "abb", "abb_exec")


class Connection:
    """Serves one connection until either side ends it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        behind: Behind,
        faults: Callable[[], Faults],
        banner: Sequence[tuple[str, str]],
        trusted: list[RSAPublicKey],
        reboot: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._behind = behind
        self._told = faults
        self._banner = banner
        self._trusted = trusted
        self._reboot = reboot
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0
        self._most = 4096

    @property
    def _faults(self) -> Faults:
        return self._told()

    async def serve(self) -> None:
        wire = self._writer.get_extra_info("socket")
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if await self._greet():
                while True:
                    await self._handle(await self._next())
        except (EOFError, ConnectionError, BadMessage):
            pass  # the server has hung up, or speaks something else
        finally:
            self.cut()
            for stream in self._streams.values():
                stream.ended()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End the connection at once, as a pulled cable does."""
        with suppress(RuntimeError):  # the loop has ended
            self._writer.transport.abort()

    async def _next(self) -> Message:
        message = await read_message(self._reader)
        faults = self._faults
        if faults.drop_after is not None:
            faults.drop_after -= len(message.data)
            if faults.drop_after < 0:
                faults.drop_after = None
                raise ConnectionResetError
        if faults.delay:
            await asyncio.sleep(faults.delay)
        while self._faults.silent:
            await asyncio.sleep(0.2)
        return message

    async def _send(self, message: Message) -> None:
        while self._faults.silent:
            await asyncio.sleep(0.2)
        self._writer.write(message.pack())
        await self._writer.drain()

    async def _greet(self) -> bool:
        hello = await self._next()
        if hello.command != b"CNXN":
            return False
        self._most = min(hello.arg1, PAYLOAD_MOST)
        await self._prove()
        await self._send(Message(b"CNXN", VERSION, PAYLOAD_MOST, self._description()))
        return True

    async def _prove(self) -> None:
        """Return once the server has proved to have a key that we trust, however long that takes."""
        while True:
            token = os.urandom(_TOKEN_BYTES)
            await self._send(Message(b"AUTH", AUTH_TOKEN, 0, token))
            answer = await self._next()
            while answer.command != b"AUTH":
                answer = await self._next()
            if answer.arg0 == AUTH_SIGNATURE:
                if any(signed_by(key, token, answer.data) for key in self._trusted):
                    return
            elif answer.arg0 == AUTH_PUBLIC_KEY:
                with suppress(ValueError):  # no key: nobody could tap on it
                    key = parse_public_key(answer.data)
                    while not self._faults.trusting:
                        await asyncio.sleep(0.05)  # the question is on the screen
                        if self._reader.at_eof():
                            raise EOFError
                    self._trusted.append(key)
                    return

    def _description(self) -> bytes:
        features = [name for name in _FEATURES if name != "shell_v2" or self._faults.shell_v2]
        words = [f"{name}={value}" for name, value in self._banner]
        return ("device::" + ";".join([*words, f"features={','.join(features)}"])).encode()

    async def _handle(self, message: Message) -> None:
        stream = self._streams.get(message.arg1)
        if message.command == b"OPEN":
            await self._open(message.arg0, message.data.rstrip(b"\0").decode("utf-8", "surrogateescape"))
        elif message.command == b"CNXN":
            raise ConnectionResetError  # the server begins anew
        elif stream is None:
            if message.command == b"WRTE":
                await self._send(Message(b"CLSE", 0, message.arg0))
        elif message.command == b"WRTE":
            stream.arrived(message.data)
        elif message.command == b"OKAY":
            stream.acknowledged()
        elif message.command == b"CLSE":
            del self._streams[stream.local]
            stream.ended()

    async def _open(self, remote: int, service: str) -> None:
        self._last += 1
        stream = Stream(self._last, remote, self._most, self._send)
        kind, _, rest = service.partition(":")
        name, *modes = kind.split(",")
        v2 = "v2" in modes
        if name in ("shell", "exec") and not (v2 and not self._faults.shell_v2):
            serving = shell.serve(stream, self._behind, rest, v2=v2)
        elif name == "sync":
            serving = sync.serve(stream, self._behind, garbles=self._faults.garbles)
        elif name == "reboot":
            await self._send(Message(b"OKAY", stream.local, remote))
            self._reboot()
            return
        else:
            await self._send(Message(b"CLSE", 0, remote))
            return
        self._streams[stream.local] = stream
        await self._send(Message(b"OKAY", stream.local, remote))

        async def whole() -> None:
            await serving
            await stream.close()
            self._streams.pop(stream.local, None)

        task = asyncio.get_running_loop().create_task(whole())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
