"""Hears what a PostgreSQL server tells (LISTEN/NOTIFY): one connection and one thread for all who wait in a process."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any, Final

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from ontarget.device_farm.database.database import Database

log = logging.getLogger(__name__)

_LOOK: Final = 1.0
"""Seconds after which the thread looks whether anybody still wants to hear."""
_IDLE: Final = 30.0
_PAUSE: Final = 1.0
_READY_SECONDS: Final = 5.0


class Listener:
    """Wakes those whose word is told on a channel, and all of them after a gap, since it may have been told then."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._lock = Lock()
        self._heard: dict[str, Event] = {}
        self._listening = Event()
        self._closed = Event()
        self._thread: Thread | None = None

    @contextmanager
    def hearing(self, word: str) -> Iterator[Callable[[float], None]]:
        """Return a function that waits, that many seconds at most, until `word` was told since its last call."""
        heard = Event()
        with self._lock:
            self._heard[word] = heard
            if self._thread is None:
                self._thread = Thread(target=self._listen, name="listener of the store", daemon=True)
                self._thread.start()
        # what is told before this is heard by asking; where the server is away, so is all else
        self._listening.wait(_READY_SECONDS)

        def wait(seconds: float) -> None:
            heard.wait(max(seconds, 0.0))
            heard.clear()

        try:
            yield wait
        finally:
            with self._lock:
                del self._heard[word]

    def close(self) -> None:
        self._closed.set()  # the thread ends within _LOOK seconds, and keeps nobody waiting

    def _listen(self) -> None:
        while True:
            try:
                self._hear()
                return
            except (psycopg.Error, SQLAlchemyError) as error:
                self._listening.clear()
                log.debug("not listening to %s: %s", self._database.name, error)
                if self._closed.wait(_PAUSE):
                    return

    def _hear(self) -> None:
        """Until nobody has wanted to hear for a while, or the store is closed."""
        with self._database.engine.connect() as pooled:
            driver = pooled.connection.driver_connection
            pooled.detach()  # it is not to be handed out to others
            try:
                self._hear_on(driver)
            except psycopg.Error:
                pooled.invalidate()  # else it is asked to take back what was not committed
                raise

    def _hear_on(self, driver: Any) -> None:
        driver.execute(f"LISTEN {self._channel}")
        self._listening.set()
        with self._lock:
            for heard in self._heard.values():
                heard.set()
        wanted = time.monotonic()
        while not self._closed.is_set():
            for told in driver.notifies(timeout=_LOOK):
                with self._lock:
                    listener = self._heard.get(told.payload)
                if listener is not None:
                    listener.set()
            with self._lock:
                if self._heard:
                    wanted = time.monotonic()
                elif time.monotonic() - wanted > _IDLE:
                    self._listening.clear()
                    self._thread = None
                    return
