"""What changes, told to all pages that are open: the store is looked at once for all, and only while somebody looks."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool

from ontarget.harness.errors import OntargetError

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between looks at the store."""
_ALIVE: Final = 15.0
Parts = Mapping[str, str]
"""Fragments of a page, by name."""


def as_event(name: str, text: str) -> str:
    """A server-sent event. https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in text.splitlines() or [""]) + "\n"


class Live:
    """Looks while it has listeners. `read` makes the fragments, in a thread."""

    def __init__(self, read: Callable[[], Parts], every: float = EVERY) -> None:
        self._read = read
        self._every = every
        self._queues: set[asyncio.Queue[str]] = set()
        self._told: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def events(self) -> AsyncGenerator[str, None]:
        """What is now, then what changes; a comment every 15 s keeps proxies from closing the line."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        for event in self._told.values() if self._task is not None else ():
            queue.put_nowait(event)
        self._queues.add(queue)
        if self._task is None:
            self._told = {}
            self._task = asyncio.create_task(self._look())
        try:
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), _ALIVE)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._queues.discard(queue)
            if not self._queues and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _look(self) -> None:
        while True:
            try:
                parts = dict(await run_in_threadpool(self._read))
                if "failed" in self._told:
                    self._tell("failed", "Live")
                    del self._told["failed"]
            except OntargetError as error:
                log.warning("%s", error)
                parts = {"failed": f"What is shown may be old: {error}"}
            for name, text in parts.items():
                self._tell(name, text)
            await asyncio.sleep(self._every)

    def _tell(self, name: str, text: str) -> None:
        event = as_event(name, text)
        if self._told.get(name) == event:
            return
        self._told[name] = event
        for queue in self._queues:
            queue.put_nowait(event)
