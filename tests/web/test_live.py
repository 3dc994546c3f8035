"""What is told to pages that are open, as the store changes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from ontarget.device_farm.errors import StoreFailed
from ontarget.device_farm.web.live import Live, Parts, as_event


class Store:
    """Tells what it is set to, or fails."""

    def __init__(self) -> None:
        self.text = "one"
        self.failing = False
        self.looks = 0

    def read(self) -> Parts:
        self.looks += 1
        if self.failing:
            raise StoreFailed("the disk is full")
        return {"devices": self.text, "runs": "none"}


def run(talk: Callable[[Store, Live], Awaitable[None]]) -> None:
    store = Store()

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await talk(store, Live(store.read, every=0.001))

    asyncio.run(bounded())


async def until(events: AsyncIterator[str], words: str) -> str:
    async for event in events:
        if words in event:
            return event
    raise AssertionError("the line ended")


def test_all_hear_what_is_and_what_becomes_of_it() -> None:
    async def talk(store: Store, live: Live) -> None:
        early, late = live.events(), live.events()
        assert await anext(early) == "event: devices\ndata: one\n\n"
        assert await anext(early) == "event: runs\ndata: none\n\n"
        assert "one" in await until(late, "devices"), "who comes later hears what is"
        store.text = "two\nlines"
        assert await anext(early) == "event: devices\ndata: two\ndata: lines\n\n", "and nothing that is as it was"
        assert "two" in await until(late, "two")

    run(talk)


def test_a_store_that_fails_is_told_and_its_return_too() -> None:
    async def talk(store: Store, live: Live) -> None:
        events = live.events()
        await until(events, "one")
        store.failing = True
        assert "What is shown may be old: the disk is full" in await until(events, "failed")
        store.failing = False
        store.text = "three"
        assert await until(events, "failed") == "event: failed\ndata: Live\n\n"
        await until(events, "three")

    run(talk)


def test_nobody_is_looked_for_when_nobody_looks() -> None:
    async def talk(store: Store, live: Live) -> None:
        events = live.events()
        await anext(events)
        await events.aclose()
        seen = store.looks
        await asyncio.sleep(0)
        assert live._task is None
        again = live.events()
        assert await anext(again) == "event: devices\ndata: one\n\n"
        assert store.looks > seen

    run(talk)


@given(st.text())
def test_no_text_makes_another_event(text: str) -> None:
    event = as_event("devices", text)
    assert event.startswith("event: devices\n")
    assert event.endswith("\n\n")
    assert all(line.startswith("data: ") for line in event[:-2].split("\n")[1:])
