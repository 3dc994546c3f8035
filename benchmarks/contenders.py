"""Clients of each kind of store, with the same few verbs."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from ontarget.device_farm import waiting
from ontarget.device_farm.leases.sql import open_store
from ontarget.device_farm.leases.store import LeaseRequest, Waiting

TTL = 60.0


class Contender(Protocol):
    """One client of one store. It belongs to the thread that made it."""

    def take(self, *devices: str) -> bool:
        """Acquire one of these; False if none is free."""
        ...

    def give_back(self) -> None:
        """Release what was taken."""
        ...

    def wait_for(self, device: str, queued: Callable[[], None]) -> float:
        """Wait in the queue for a device; return the moment (monotonic) when it was ours. `queued` is called first."""
        ...

    def close(self) -> None: ...


def make(kind: str, address: str, name: str) -> Contender:
    return Labgrid(address, name) if kind == "labgrid" else Ours(address, name)


class Ours:
    def __init__(self, address: str, name: str) -> None:
        self._store = open_store(address)
        self._name = name
        self._secret = ""

    def take(self, *devices: str) -> bool:
        answer = self._store.acquire(LeaseRequest((devices,), self._name, "benchmark", TTL), queue=False)
        if isinstance(answer, Waiting):
            return False
        self._secret = answer[0].secret
        return True

    def give_back(self) -> None:
        self._store.release(self._secret)

    def wait_for(self, device: str, queued: Callable[[], None]) -> float:
        request = LeaseRequest(((device,),), self._name, "benchmark", TTL)
        grants, _ = waiting.acquire(
            self._store, request, wait=TTL, wanted=device, progress=lambda _: queued(), clock=time.monotonic
        )
        now = time.monotonic()
        self._secret = grants[0].secret
        return now

    def close(self) -> None:
        self._store.close()


class Labgrid:
    """labgrid's own client: its session, and its way to wait for a reservation."""

    def __init__(self, address: str, name: str) -> None:
        # imported here: the parent process forks, and must not have gRPC in it
        from labgrid.remote.client import ClientSession
        from labgrid.remote.generated import labgrid_coordinator_pb2

        os.environ["LG_USERNAME"] = name
        self._messages: Any = labgrid_coordinator_pb2
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)  # gRPC looks there
        self._session: Any = ClientSession(address, self._loop)
        self._place = ""
        self._reservation = ""
        self._loop.run_until_complete(self._session.start())

    def take(self, *devices: str) -> bool:
        return any(self._loop.run_until_complete(self._acquire(device)) for device in devices)

    def give_back(self) -> None:
        self._loop.run_until_complete(self._release())

    def wait_for(self, device: str, queued: Callable[[], None]) -> float:
        return self._loop.run_until_complete(self._wait_for(device, queued))

    def close(self) -> None:
        self._loop.run_until_complete(self._session.stop())
        self._loop.run_until_complete(self._session.close())

    async def _acquire(self, place: str) -> bool:
        import grpc

        try:
            await self._session.stub.AcquirePlace(self._messages.AcquirePlaceRequest(placename=place))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                return False
            raise
        self._place = place
        return True

    async def _release(self) -> None:
        await self._session.stub.ReleasePlace(self._messages.ReleasePlaceRequest(placename=self._place))
        if self._reservation:
            await self._session.stub.CancelReservation(self._messages.CancelReservationRequest(token=self._reservation))
            self._reservation = ""

    async def _wait_for(self, place: str, queued: Callable[[], None]) -> float:
        wanted = {"main": self._messages.Reservation.Filter(filter={"name": place})}
        made = await self._session.stub.CreateReservation(
            self._messages.CreateReservationRequest(filters=wanted, prio=0.0)
        )
        self._reservation = made.reservation.token
        queued()
        await self._session._wait_reservation(self._reservation, verbose=False)
        if not await self._acquire(place):
            raise RuntimeError(f"the place {place} was reserved, and could not be acquired")
        return time.monotonic()
