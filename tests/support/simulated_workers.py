"""xdist's workers in simulated time, for schedulers: each begins a test only when it knows what follows it."""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

Go = Callable[[float | None], None]
Begin = Callable[["Node", int, Go], None]
"""What a worker does on the item of a number: it calls `go` with the seconds that takes; None: it dies of it."""


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class Node:
    """What a scheduler sees of a worker, and the worker itself."""

    name: str
    farm: "Workers"
    queue: deque[int | None] = field(default_factory=deque)  # None: shut down
    current: int | None = None
    running: bool = False
    shutting_down: bool = False
    dead: bool = False
    ran: list[tuple[float, int]] = field(default_factory=list)

    @property
    def gateway(self) -> Any:
        return SimpleNamespace(id=self.name)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.queue.extend(indices)
        self.farm.wake(self)

    def send_steal(self, indices: Sequence[int]) -> None:
        wanted = set(indices)
        stolen = [number for number in self.queue if number in wanted]
        if len(stolen) == len(wanted):
            self.queue = deque(number for number in self.queue if number not in wanted)
        else:
            stolen = []
        self.farm.later(0.0, lambda: self.farm.scheduler.remove_pending_tests_from_node(self, stolen))

    def shutdown(self) -> None:
        if not self.shutting_down:
            self.shutting_down = True
            self.queue.append(None)
            self.farm.wake(self)


class Workers:
    """Runs a scheduler with workers that have all collected the same; `scheduler` is set before `run`."""

    scheduler: Any

    def __init__(
        self, begin: Begin, clock: Clock, through: Callable[[Node, int, int | None], None] = lambda *_: None
    ) -> None:
        """`through` hears of a worker that it is through with an item, and which follows."""
        self._begin = begin
        self._clock = clock
        self._heard = through
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.nodes: list[Node] = []
        self.crashed: list[str] = []

    def run(self, count: int, collection: Sequence[str], *, most_events: int = 1_000_000) -> float:
        """Return the seconds until the last test ended. Raises RuntimeError if it comes to no end."""
        for _ in range(count):
            self._start(collection)
        self.scheduler.schedule()
        for _ in range(most_events):
            if self.scheduler.tests_finished:
                for node in self.scheduler.nodes:
                    node.shutdown()
            if not self._events:
                break
            self._clock.now, _, happen = heapq.heappop(self._events)
            happen()
        if not self.scheduler.tests_finished:
            raise RuntimeError(f"the workers wait for ever: {[(node.name, node.queue) for node in self.nodes]}")
        return max((end for node in self.nodes for end, number in node.ran if number < len(collection)), default=0.0)

    def later(self, seconds: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self._clock.now + seconds, self._count, happen))

    def wake(self, node: Node) -> None:
        if node.running or node.dead:
            return
        if node.current is None and node.queue:
            node.current = node.queue.popleft()
            if node.current is None:
                self._end(node)
                return
        if node.current is not None and node.queue:
            number, node.running = node.current, True
            following = node.queue.popleft()
            began = self._clock.now

            def go(seconds: float | None) -> None:
                if seconds is None:
                    self.later(0.0, lambda: self._die(node))
                else:
                    self.later(seconds, lambda: self._through(node, number, following, self._clock.now - began))

            self._begin(node, number, go)

    def _start(self, collection: Sequence[str]) -> None:
        node = Node(f"gw{len(self.nodes)}", self)
        self.nodes.append(node)
        self.scheduler.add_node(node)
        self.scheduler.add_node_collection(node, list(collection))
        self._collection = collection

    def _through(self, node: Node, number: int, following: int | None, seconds: float) -> None:
        node.ran.append((self._clock.now, number))
        node.running, node.current = False, following
        self._heard(node, number, following)
        self.scheduler.mark_test_complete(node, number, seconds)
        if following is None:
            self._end(node)
        else:
            self.wake(node)

    def _end(self, node: Node) -> None:
        node.dead = True
        if node in self.scheduler.nodes:
            crashed = self.scheduler.remove_node(node)
            if crashed is not None:
                raise RuntimeError(f"{node.name} was told to end before {crashed}")

    def _die(self, node: Node) -> None:
        """xdist removes the dead one, and starts another in its place."""
        node.dead = node.shutting_down = True
        crashed = self.scheduler.remove_node(node)
        if crashed is not None:
            self.crashed.append(crashed)
        if not self.scheduler.tests_finished:
            self._start(self._collection)
            self.scheduler.schedule()
