"""The fence: whoever has the newer lease has the device, and finds nothing of the older one running."""

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession, DuetPlan, Fence
from ontarget.harness.errors import AgentError, Fenced, OntargetError
from ontarget.harness.transports.local import LocalTransport
from ontarget.harness.transports.protocols import Transport
from support.agents import AsUser, deploy, spawn
from support.culprit import PROTOTYPES
from support.waiting import eventually

Enter = Callable[..., AgentSession]


@pytest.fixture
def enter(root: Path) -> Iterator[Enter]:
    """Starts agents on one root."""
    sessions: list[AgentSession] = []

    def begin(
        token: int, store: str = "farm-a", owner: str = "ada@desk", transport: Transport | None = None
    ) -> AgentSession:
        fence = Fence(store, token, owner)
        sessions.append(
            AgentSession.start(transport or LocalTransport("dev"), device="dev", root=str(root), fence=fence)
        )
        return sessions[-1]

    yield begin
    for session in sessions:
        session.close()


def agents_of(root: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if root in command(process)]


def command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def test_newer_token_ends_the_older_agent_and_its_processes(enter: Enter, culprit: Path) -> None:
    old = enter(1)
    process = spawn(old, culprit)
    process.call(PROTOTYPES, "leave_child")
    process.send(PROTOTYPES, "hang", deadline=600)
    (agent,) = agents_of(old.root)
    family = [agent, *agent.children(recursive=True)]
    assert len(family) >= 2
    new = enter(2)
    # All of it is gone before the new one is let in.
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    with pytest.raises(Fenced, match=r"^dev: .*token 2 of store farm-a, by ada@desk; ours was 1 of farm-a"):
        process.flush()
    assert spawn(new, culprit).call(PROTOTYPES, "fine") == 7


def test_older_token_is_refused(enter: Enter) -> None:
    enter(5)
    with pytest.raises(Fenced, match=r"^dev: .*newer token 5 of store farm-a, by ada@desk; ours is 4"):
        enter(4, owner="bob@ci")


def test_equal_tokens_share(enter: Enter, culprit: Path) -> None:
    """As two programs under one lease do."""
    first, second = enter(3), enter(3)
    assert spawn(first, culprit).call(PROTOTYPES, "fine") == 7
    assert spawn(second, culprit).call(PROTOTYPES, "fine") == 7


def test_other_store_waits_for_the_living(enter: Enter) -> None:
    first = enter(10)
    with pytest.raises(Fenced, match=r"another store, farm-a .*for ada@desk; wait"):
        enter(20, "farm-b")
    first.close()
    (root,) = {first.root}
    eventually(lambda: not agents_of(root), "the first agent has ended")
    taken = enter(1, "farm-b")  # a lower number of another store says nothing
    assert taken.hello.uid == os.geteuid()


def test_fence_that_changed_is_seen_at_the_next_frame(enter: Enter, culprit: Path) -> None:
    """As when a newer agent entered, and this one could not be ended."""
    session = enter(1)
    process = spawn(session, culprit)
    fence = Path(session.root) / "fence"
    fence.write_text("farm-a\n9\nbob@ci\n")
    with pytest.raises(Fenced, match=r"^dev: .*token 9 of store farm-a, by bob@ci"):
        process.call(PROTOTYPES, "fine")
    eventually(lambda: not agents_of(session.root), "the agent has ended itself")


def test_what_a_killed_agent_left_is_no_hindrance(enter: Enter, culprit: Path) -> None:
    old = enter(1)
    process = spawn(old, culprit)
    process.call(PROTOTYPES, "leave_child")
    (agent,) = agents_of(old.root)
    family = agent.children(recursive=True)
    agent.send_signal(signal.SIGKILL)
    with pytest.raises(OntargetError):
        process.call(PROTOTYPES, "fine")
    new = enter(2)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    assert spawn(new, culprit).call(PROTOTYPES, "fine") == 7


def test_stopped_agent_is_ended_too(enter: Enter) -> None:
    old = enter(1)
    (agent,) = agents_of(old.root)
    agent.suspend()
    assert enter(2).hello.uid == os.geteuid()
    assert not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE


def test_every_door_of_a_session_is_shut_to_an_older_lease(enter: Enter, culprit: Path, tmp_path: Path) -> None:
    """Whatever it asks for next: a call, an upload, an array, a process, a file, a duet."""
    fresh = tmp_path / "libfresh.so"
    fresh.write_bytes(os.urandom(1 << 20))
    digest = hashlib.sha256(fresh.read_bytes()).hexdigest()
    for turn, door in enumerate(["call", "deploy", "stat", "array", "spawn", "read", "sweep"]):
        old = enter(2 * turn + 1)
        process = spawn(old, culprit)
        doors: dict[str, Callable[[], object]] = {
            "call": partial(process.call, PROTOTYPES, "fine"),
            "deploy": partial(old.store_file, fresh, digest, fresh.name),
            "stat": partial(old.stat_file, digest, fresh.name),
            "array": partial(send_array, process),
            "spawn": partial(spawn, old, culprit),
            "read": partial(old.read_file, "/proc/version"),
            "sweep": partial(old.sweep, max_age=0, max_bytes=0, keep=()),
        }
        new = enter(2 * turn + 2, owner="bob@ci")
        with pytest.raises(Fenced, match=rf"^dev: .*token {2 * turn + 2} of store farm-a, by bob@ci"):
            doors[door]()
        assert new.stat_file(digest, fresh.name) is None
        new.close()


def send_array(process: Process) -> None:
    process.read(process.buffer(np.ones(1 << 20)))


def test_a_duet_in_progress_ends_with_its_lease(enter: Enter, culprit: Path) -> None:
    old = enter(1)
    sides = [spawn(old, culprit, label) for label in ("candidate", "baseline")]
    bound = [side.bind(PROTOTYPES, "busy", 1000) for side in sides]
    failures: list[BaseException] = []

    def take_turns() -> None:
        try:
            old.duet(bound[0], bound[1], DuetPlan(10_000, 10, 1, 0, 0, 0, 600.0))
        except Fenced as error:
            failures.append(error)

    client = threading.Thread(target=take_turns)
    client.start()
    (agent,) = agents_of(old.root)
    eventually(lambda: any(child.cpu_times().user > 0.05 for child in agent.children()), "the duet's beginning")
    family = [agent, *agent.children(recursive=True)]
    enter(2, owner="bob@ci")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
    client.join(30)
    assert len(failures) == 1
    assert "token 2 of store farm-a, by bob@ci" in str(failures[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the agent as another user")
def test_without_a_second_user_nothing_stored_survives_a_change_of_owner(
    enter: Enter, root: Path, culprit: Path
) -> None:
    phone = AsUser("dev", 12345, root)
    digest = hashlib.sha256(culprit.read_bytes()).hexdigest()

    def holding(token: int, owner: str, store: str = "farm-a") -> AgentSession:
        return enter(token, store, owner, phone)

    first = holding(1, "ada@desk")
    assert first.hello.uid == 12345
    deploy(first, culprit)
    assert holding(2, "ada@desk").stat_file(digest, culprit.name), "the same owner finds what he stored"
    second = holding(3, "bob@ci")
    assert second.stat_file(digest, culprit.name) is None
    assert spawn(second, culprit).call(PROTOTYPES, "user") == 12345
    second.close()
    eventually(lambda: not agents_of(str(root)), "the end of the second agent")
    assert holding(1, "bob@ci", "farm-b").stat_file(digest, culprit.name) is None, "another farm's bob is another bob"


def test_what_a_killed_upload_of_the_agent_left_goes_at_the_next_lease(enter: Enter) -> None:
    first = enter(1)
    (program,) = Path(first.root).glob("agent/*/ontarget-agent")
    left = [program.with_name(f".{program.name}.77.part"), program.with_name(f".{program.name}.x1y2")]
    for part in left:
        part.write_bytes(b"half of it")
    enter(1)
    assert all(part.exists() for part in left), "another program of the same lease may be at it"
    enter(2)
    assert not any(part.exists() for part in left)
    assert program.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the agent as another user")
def test_a_root_of_another_user_is_refused(enter: Enter, root: Path) -> None:
    enter(1).close()
    stranger = AsUser("dev", 12345, root / "agent")
    with pytest.raises(
        AgentError, match=rf"deploy root {root} belongs to user 0, and this agent runs as 12345: remove"
    ):
        enter(2, transport=stranger)
