"""What a labgrid coordinator knows: places, and the resources that exporters offer them."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ontarget.device_farm.labgrid.wire import Wire

Path = tuple[str, str, str, str]
"""Exporter, group, class and name of a resource."""


@dataclass(frozen=True)
class Place:
    """`matches` are patterns of resource paths, the name's being None for any; `holder` is None while it is free."""

    name: str
    tags: Mapping[str, str]
    matches: tuple[tuple[str, str, str, str | None], ...]
    holder: str | None = None
    reservation: str | None = None


@dataclass(frozen=True)
class Resource:
    path: Path
    params: Mapping[str, Any]
    extra: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return self.path[2]


class Lab:
    """The coordinator's places and resources, kept up to date by its stream of updates. May be used by several threads.

    Methods may raise StoreFailed.
    """

    def __init__(self, target: str) -> None:
        self._lock = threading.RLock()
        self._places: dict[str, Place] = {}
        self._resources: dict[tuple[str, str, str], Resource] = {}
        self._watchers: list[threading.Event] = []
        self._wire = Wire(target, updated=self._updated, ended=self._ended)

    def refresh(self) -> Mapping[str, Place]:
        """Return the places as they are now, by name."""
        with self._lock:
            self._wire.synchronize()
            return dict(self._places)

    def resources(self, place: Place) -> list[Resource]:
        """Return what exporters offer for a place, as of the last `refresh`, by path."""
        return sorted(
            (resource for resource in list(self._resources.values()) if _matches(place, resource.path)),
            key=lambda resource: resource.path,
        )

    def acquire(self, place: str, holder: str) -> None:
        """Acquire a place under the name `holder`. Raises Refused."""
        with self._lock:
            self._wire.synchronize()  # opens the stream if it has ended: names belong to it
            self._wire.introduce(holder)
            self._wire.synchronize()
            self._wire.call("AcquirePlace", placename=place)

    def release(self, place: str, holder: str) -> None:
        """Release a place if it is held under the name `holder`; else nothing happens. Raises Refused."""
        self._wire.call("ReleasePlace", placename=place, fromuser=holder)

    def watch(self) -> tuple[threading.Event, Callable[[], None]]:
        """Return an event that is set whenever a place changes, and what ends that."""
        event = threading.Event()
        self._watchers.append(event)
        return event, lambda: self._watchers.remove(event)

    def close(self) -> None:
        self._wire.close()

    def _updated(self, update: Any) -> None:
        kind = update.WhichOneof("kind")
        if kind == "place":
            self._places[update.place.name] = _place(update.place)
        elif kind == "del_place":
            self._places.pop(update.del_place, None)
        elif kind == "resource":
            resource = _resource(update.resource)
            self._resources[_key(update.resource.path)] = resource
        elif kind == "del_resource":
            self._resources.pop(_key(update.del_resource), None)
        for event in list(self._watchers):
            event.set()

    def _ended(self) -> None:
        # the next stream tells everything anew
        self._places.clear()
        self._resources.clear()
        for event in list(self._watchers):
            event.set()


def _key(path: Any) -> tuple[str, str, str]:
    return path.exporter_name, path.group_name, path.resource_name


def _place(message: Any) -> Place:
    return Place(
        message.name,
        dict(message.tags),
        tuple(
            (match.exporter, match.group, match.cls, match.name if match.HasField("name") else None)
            for match in message.matches
        ),
        message.acquired or None,
        message.reservation or None,
    )


def _resource(message: Any) -> Resource:
    exporter, group, name = _key(message.path)
    return Resource((exporter, group, message.cls, name), _values(message.params), _values(message.extra))


def _values(pairs: Any) -> dict[str, Any]:
    return {key: getattr(value, kind) for key, value in pairs.items() if (kind := value.WhichOneof("kind")) is not None}


def _matches(place: Place, path: Path) -> bool:
    return any(
        all(fnmatchcase(part, pattern or "*") for part, pattern in zip(path, match, strict=True))
        for match in place.matches
    )
