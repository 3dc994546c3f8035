"""A virtual phone: a port of the loopback address at which an adb server finds adbd."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Final, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ontarget.device_farm.virtual_phone.behind import Behind
from ontarget.device_farm.virtual_phone.connection import Connection
from ontarget.device_farm.virtual_phone.faults import Faults

HOST: Final = "127.0.0.1"
_REBOOT_SECONDS: Final = 1.0
_END_SECONDS: Final = 10.0
T = TypeVar("T")


class VirtualPhone:
    """Serves in a thread of its own. `faults` may be changed at any time, from any thread.

    `rebooted` is called while a restart has the phone away.
    """

    def __init__(
        self,
        behind: Behind,
        *,
        port: int = 0,
        model: str = "Virtual Phone",
        rebooted: Callable[[], None] = lambda: None,
    ) -> None:
        self.faults = Faults()
        self.reboots = 0
        self._behind = behind
        self._model = model
        self._rebooted = rebooted
        self._trusted: list[RSAPublicKey] = []
        self._connections: set[Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._restarting: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="virtual phone", daemon=True)
        self.port = port

    @property
    def serial(self) -> str:
        """What `adb connect` calls it, and then `adb devices`."""
        return f"{HOST}:{self.port}"

    def start(self) -> Self:
        """Listen. Raises OSError where the port is taken."""
        self._thread.start()
        self._wait(self._listen())
        return self

    def stop(self) -> None:
        """End it and what runs for it. May be called twice."""
        if not self._thread.is_alive():
            return
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def drop(self) -> None:
        """Cut the connections that there are, as a pulled cable does; what ran for them ends."""
        self._wait(self._drop())

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Be gone for a while."""
        self.unplug()
        try:
            yield
        finally:
            self.plug_in()

    def unplug(self) -> None:
        self.faults.gone = True
        self._wait(self._close())
        self.drop()

    def plug_in(self) -> None:
        self.faults.gone = False
        self._wait(self._listen())

    def distrust(self) -> None:
        """Forget every computer that it trusted, and trust none from here on."""
        self.faults.trusting = False
        self._trusted.clear()
        self.drop()

    def _wait(self, coroutine: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_END_SECONDS)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _drop(self) -> None:
        for connection in self._connections:
            connection.cut()

    async def _end(self) -> None:
        self.faults = Faults()  # one that is silent would not end
        await self._close()
        for task in self._restarting:
            task.cancel()
        await self._drop()
        await asyncio.gather(*self._serving, *self._restarting, return_exceptions=True)

    def _reboot(self) -> None:
        self.reboots += 1
        self._restarting.add(task := self._loop.create_task(self._restart()))
        task.add_done_callback(self._restarting.discard)

    async def _restart(self) -> None:
        await self._close()
        await self._drop()
        await asyncio.gather(asyncio.to_thread(self._rebooted), asyncio.sleep(_REBOOT_SECONDS))
        if not self.faults.gone:
            await self._listen()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(
            reader,
            writer,
            behind=self._behind,
            faults=lambda: self.faults,
            banner=(
                ("ro.product.name", "virtual"),
                ("ro.product.model", self._model),
                ("ro.product.device", "virtual"),
            ),
            trusted=self._trusted,
            reboot=self._reboot,
        )
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)
