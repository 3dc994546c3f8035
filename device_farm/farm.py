"""The devices of one inventory: what they are, who may use them, how to reach them."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from ontarget.device_farm import health, identity, waiting
from ontarget.device_farm.errors import NoSuchDevice, Unhealthy
from ontarget.device_farm.inventory import DeviceEntry, Inventory
from ontarget.device_farm.lease import Lease, steady_clock
from ontarget.device_farm.leases.queue import Wants, assign
from ontarget.device_farm.leases.store import DeviceState, DeviceStatus, Grant, LeaseRequest, LeaseStore, Registration
from ontarget.device_farm.listing import ListsDevices, listed_by
from ontarget.device_farm.locks import Progress, unheard
from ontarget.device_farm.matching import Traits, matching, refuse, unknown_yet
from ontarget.device_farm.reach import Way, board_name, prepare
from ontarget.harness.errors import InfraError, OntargetError

if TYPE_CHECKING:
    from ontarget.harness.device import Device

log = logging.getLogger(__name__)

DEFAULT_TTL: Final = 60.0
# Who holds a device that nobody has asked yet is most often about to ask it.
_LEARN_WAIT: Final = 120.0
_BOARD_PROCESS: Final = "board_process"


class Farm:
    """The devices that an inventory lists, with the store that coordinates them.

    `missing` names the devices that could not be asked what they are, with the reason. `notes` is what its users are to
    know of the store: it is logged when it is opened.
    """

    def __init__(self, inventory: Inventory, store: LeaseStore) -> None:
        self.inventory = inventory
        self.missing: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        self._file = inventory
        self._store = store
        store.register(
            [Registration(entry.name, entry.connect, entry.kind, entry.model) for entry in inventory.devices],
            identity.owner(),
        )

    @classmethod
    def open(cls, inventory: Inventory) -> Self:
        """Open the inventory's store, making it if there is none. Raises StoreFailed, UnsupportedStore."""
        from ontarget.device_farm.leases.sql import open_store

        store = open_store(inventory.store)
        try:
            if not isinstance(store, ListsDevices):
                return cls(inventory, store)
            completed, notes = listed_by(store, inventory)
            farm = cls(completed, store)
            farm._file = inventory
            farm.notes = tuple(notes)
            for note in notes:
                log.warning("%s", note)
            return farm
        except BaseException:
            store.close()
            raise

    @property
    def store_id(self) -> str:
        return self._store.store_id

    def statuses(self) -> tuple[DeviceStatus, ...]:
        """Return the inventory's devices as they are now, in its order. Raises StoreFailed."""
        known = {
            status.name: status for status in self._store.statuses([entry.name for entry in self.inventory.devices])
        }
        return tuple(known[entry.name] for entry in self.inventory.devices)

    def status(self, name: str) -> DeviceStatus:
        """Return one device of the inventory as it is now. Raises NoSuchDevice, StoreFailed."""
        found = self._store.statuses([name])
        if not found:
            raise NoSuchDevice(f"no device is named {name!r}; there are: {self._names()}")
        return found[0]

    def models(self, progress: Progress = unheard, *, ttl: float = DEFAULT_TTL) -> dict[str, list[str]]:
        """Return the devices of each model, both in the inventory's order; `missing` names the others afterwards.

        A device of which neither the inventory nor the store knows the model is leased (for `ttl` seconds, renewed) and
        asked. Raises StoreFailed.
        """
        self.missing = {}
        for status in self.statuses():
            if status.model is None:
                self._learn(status.name, ttl, _LEARN_WAIT, progress)
        models: dict[str, list[str]] = {}
        for status in self.statuses():
            if status.model is not None:
                models.setdefault(status.model, []).append(status.name)
        return models

    def acquire(
        self,
        requirements: Mapping[str, str],
        *,
        ttl: float = DEFAULT_TTL,
        wait: float = 0.0,
        owner: str | None = None,
        purpose: str | None = None,
        priority: int = 0,
        progress: Progress = unheard,
    ) -> Grant:
        """Return a right to one device with all that is required (KEY to value), for `ttl` seconds from now.

        Waits up to `wait` seconds for a busy one, behind those of a higher `priority` and those who came before.
        Nothing renews the right or gives it back: `lease` does.

        Raises NoSuchDevice, WaitRanOut, UserError, StoreFailed.
        """
        return self.acquire_together(
            [requirements], ttl=ttl, wait=wait, owner=owner, purpose=purpose, priority=priority, progress=progress
        )[0]

    def acquire_together(
        self,
        devices: Sequence[Mapping[str, str]],
        *,
        ttl: float = DEFAULT_TTL,
        wait: float = 0.0,
        owner: str | None = None,
        purpose: str | None = None,
        priority: int = 0,
        progress: Progress = unheard,
    ) -> tuple[Grant, ...]:
        """Like `acquire`, for several devices: all of them, in the order of what was asked for each, or none.

        Raises what `acquire` does; NoSuchDevice also where one device would have to serve two of them.
        """
        wants = tuple(self._candidates(requirements, ttl, wait, progress) for requirements in devices)
        wanted = " and ".join(waiting.describe(requirements) for requirements in devices)
        if len(assign(wants, {name for names in wants for name in names})) < len(wants):
            raise NoSuchDevice(
                f"expected {len(wants)} devices, one each for {wanted}; found only "
                f"{', '.join(sorted({name for names in wants for name in names}))} that would do: ask for fewer"
            )
        request = self._request(wants, owner, purpose, ttl, priority)
        return waiting.acquire(self._store, request, wait=wait, wanted=wanted, progress=progress)[0]

    def lease(
        self,
        requirements: Mapping[str, str],
        *,
        ttl: float = DEFAULT_TTL,
        wait: float = 0.0,
        owner: str | None = None,
        purpose: str | None = None,
        priority: int = 0,
        progress: Progress = unheard,
        clock: Callable[[], float] = steady_clock,
    ) -> Lease:
        """Like `acquire`, kept alive until it is released or this process ends; use it in a `with`."""
        names = self._candidates(requirements, ttl, wait, progress)
        request = self._request((names,), owner, purpose, ttl, priority)
        wanted = waiting.describe(requirements)
        grants, asked = waiting.acquire(self._store, request, wait=wait, wanted=wanted, progress=progress, clock=clock)
        return Lease(self._store, grants[0], self._entry(grants[0].device), asked=asked, clock=clock)

    def adopt(self, secret: str, *, clock: Callable[[], float] = steady_clock) -> Lease:
        """Return the lease that `ontarget reserve` made; it ends when it was to end, whatever is done here.

        Raises LeaseLost, NoSuchLease, NoSuchDevice.
        """
        asked = clock()
        grant = self._store.holding(secret)
        return Lease(self._store, grant, self._entry(grant.device), asked=asked, own=False, clock=clock)

    def release(self, secret: str, reason: str = "released") -> bool:
        """End a lease by its name; False if it had ended before. Raises NoSuchLease."""
        return self._store.release(secret, reason)

    def withdraw(self, lease: Lease, state: DeviceState, reason: str) -> None:
        """Quarantine the device of one's own lease, or call it offline. Raises LeaseLost, StoreFailed."""
        self._store.withdraw(lease.secret, state, reason)

    def set_state(self, name: str, state: DeviceState, reason: str) -> None:
        """Make a device available or not, in the name of this process's user. Raises NoSuchDevice, StoreFailed."""
        self._store.set_state(name, state, reason, identity.owner())

    def prepare(self, lease: Lease, *, progress: Progress = unheard) -> Way:
        """Make the device ready to be connected to; a virtual board is booted. Raises UserError, InfraError."""
        facts = self.status(lease.device.name).facts
        name = board_name(lease.device, self.store_id, own_store=self.inventory.source is None)
        way = prepare(lease, name, facts.get(_BOARD_PROCESS), progress)
        if lease.device.certificate:
            from ontarget.device_farm.certificates.ephemeral import Ephemeral

            way.credential = Ephemeral(self.inventory, self._store, lease)
        if way.board is not None and way.ends:
            # if this process is killed, the next run knows that nobody else wants the board
            self._remember(lease, lease.device, {_BOARD_PROCESS: way.board.pid})
        return way

    def connect(self, lease: Lease, *, progress: Progress = unheard) -> "Device":
        """Return the lease's device, connected, with its agent running and its console logged.

        Closing it closes the console too, and stops the virtual board that was booted for it. What the device says of
        itself is kept in the store. Raises LeaseLost, UserError, InfraError.
        """
        from ontarget.harness.agent.session import Fence
        from ontarget.harness.device import Clock, Device

        way = self.prepare(lease, progress=progress)
        with ExitStack() as undo:
            undo.callback(way.close)
            console = way.console(lease)
            if console is not None:
                way.ends.append(console.close)
                console.start_log()
            transport = way.transport()
            undo.callback(transport.close)
            clock = None
            if way.board is not None:
                clock = Clock.INSTRUCTIONS if way.board.clock == "instructions" else Clock.NONE
            device = Device.open(
                transport,
                name=lease.device.name,
                model=lease.device.model,
                kind=lease.device.kind,
                fence=Fence(lease.store_id, lease.token, lease.grant.owner),
                clock=clock,
                console=console,
                quiet=way.quiet,
                root=way.root,
                profile=lease.device.profile,
            )
            undo.callback(device.close)
            from ontarget.device_farm.facts import facts_of

            self._remember(lease, lease.device.model_copy(update={"model": device.info.model}), facts_of(device.info))
            # by the store's clock when the lease was granted
            why = health.due(self.status(device.info.name), self.inventory.check, lease.granted)
            if why is not None:
                progress(f"checking {device.info.name}, as {why}")
                self.check(lease, device)
            undo.pop_all()
        return device

    def check(self, lease: Lease, device: "Device") -> float:
        """Check the health of a leased device that is connected; return the round trip to it in seconds.

        One that fails is quarantined with the reason. Raises Unhealthy, LeaseLost.
        """
        try:
            took = health.check(device)
        except InfraError as error:
            lease.check()
            why = f"health check failed: {error}"
            self.withdraw(lease, DeviceState.QUARANTINED, why)
            raise Unhealthy(why, device=lease.device.name) from error
        self._store.checked(lease.secret)
        return took

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _request(wants: Wants, owner: str | None, purpose: str | None, ttl: float, priority: int) -> LeaseRequest:
        return LeaseRequest(
            wants=wants,
            owner=owner or identity.owner(),
            purpose=purpose or identity.purpose(os.environ),
            ttl=ttl,
            priority=priority,
        )

    def _learn(self, name: str, ttl: float, wait: float, progress: Progress) -> None:
        progress(f"asking {name} what it is")
        try:
            with self.lease(
                {"name": name}, ttl=ttl, wait=wait, purpose="asking the device what it is", progress=progress
            ) as lease:
                self.connect(lease, progress=progress).close()
        except OntargetError as error:
            self.missing[name] = str(error)

    def _candidates(
        self, requirements: Mapping[str, str], ttl: float, wait: float, progress: Progress
    ) -> tuple[str, ...]:
        names = matching(self._traits(), requirements)
        unknown = () if names else unknown_yet(self._traits(), requirements)
        for name in unknown:
            if names:
                break
            self._learn(name, ttl, wait, progress)
            names = matching(self._traits(), requirements)
        if not names:
            error = refuse(self._traits(), requirements)
            reasons = "; ".join(
                f"{name} could not be asked: {self.missing[name]}" for name in unknown if name in self.missing
            )
            raise NoSuchDevice(f"{error}; {reasons}") if reasons else error
        return names

    def _traits(self) -> Sequence[Traits]:
        entries = self.inventory.devices
        return [
            Traits.of(entry.name, status.model, status.facts, entry.tags)
            for entry, status in zip(entries, self.statuses(), strict=True)
        ]

    def _entry(self, name: str) -> DeviceEntry:
        entry = self.inventory.named(name)
        if entry is None:
            raise NoSuchDevice(
                f"the lease is of {name!r}, which the inventory does not list; it lists: {self._names()}"
            )
        if isinstance(self._store, ListsDevices):
            # how to reach all of it is known only while it is held
            entry = listed_by(self._store, self._file)[0].named(name) or entry
        return entry if entry.model is not None else entry.model_copy(update={"model": self.status(name).model})

    def _names(self) -> str:
        return ", ".join(entry.name for entry in self.inventory.devices) or "none"

    def keep(self, lease: Lease, facts: Mapping[str, object]) -> None:
        """Remember what the device of a lease says of itself, besides what else is known; as JSON can hold it."""
        self._remember(lease, lease.device, facts)

    def _remember(self, lease: Lease, entry: DeviceEntry, facts: Mapping[str, object]) -> None:
        status = self.status(entry.name)
        known = replace(status, model=entry.model or status.model, facts={**status.facts, **facts})
        if known != status and known.model is not None:
            self._store.learn(lease.secret, known.model, known.facts)
