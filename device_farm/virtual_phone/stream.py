"""One stream of a connection: what an adb server has opened, with a message on its way at a time in each direction."""

import asyncio
from collections.abc import Awaitable, Callable

from ontarget.device_farm.virtual_phone.wire import Message

Send = Callable[[Message], Awaitable[None]]


class Closed(Exception):
    """The other side has closed the stream."""


class Stream:
    """`local` and `remote` are our number of the stream and the server's."""

    def __init__(self, local: int, remote: int, most: int, send: Send) -> None:
        self.local = local
        self.remote = remote
        self._most = most
        self._send = send
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._acknowledged = asyncio.Event()
        self._acknowledged.set()
        self._sending = asyncio.Lock()
        self.closed = False

    async def read(self) -> bytes | None:
        """What has come next, None at the end; `acknowledge` asks for more."""
        return await self._arrived.get()

    async def acknowledge(self) -> None:
        if not self.closed:
            await self._send(Message(b"OKAY", self.local, self.remote))

    async def write(self, data: bytes) -> None:
        """Send all of it, each piece after the other side took the last. Raises Closed."""
        async with self._sending:
            for at in range(0, len(data), self._most):
                await self._acknowledged.wait()
                if self.closed:
                    raise Closed
                self._acknowledged.clear()
                await self._send(Message(b"WRTE", self.local, self.remote, data[at : at + self._most]))

    async def close(self) -> None:
        """Close it from our side, after what was sent has been taken."""
        async with self._sending:
            await self._acknowledged.wait()
            if not self.closed:
                self.closed = True
                await self._send(Message(b"CLSE", self.local, self.remote))

    def arrived(self, data: bytes) -> None:
        self._arrived.put_nowait(data)

    def acknowledged(self) -> None:
        self._acknowledged.set()

    def ended(self) -> None:
        """The other side has closed it, or the connection is lost."""
        self.closed = True
        self._arrived.put_nowait(None)
        self._acknowledged.set()
