"""The fence: whoever has the newer lease has the device, and finds nothing of the older one running."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ontarget.harness.agent.session import AgentSession
from ontarget.harness.errors import Fenced, OntargetError
from ontarget.harness.transports.local import LocalTransport
from support.agents import spawn, start
from support.culprit import PROTOTYPES
from support.waiting import eventually

Enter = Callable[..., AgentSession]


@pytest.fixture
def enter(root: Path) -> Iterator[Enter]:
    """Starts agents on one root."""
    sessions: list[AgentSession] = []

    def begin(token: int, store: str = "farm-a") -> AgentSession:
        sessions.append(start(LocalTransport("dev"), root, token=token, store=store))
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
    with pytest.raises(Fenced, match="token 2 of store farm-a"):
        process.flush()
    assert spawn(new, culprit).call(PROTOTYPES, "fine") == 7


def test_older_token_is_refused(enter: Enter) -> None:
    enter(5)
    with pytest.raises(Fenced, match="newer token 5 of store farm-a"):
        enter(4)


def test_equal_tokens_share(enter: Enter, culprit: Path) -> None:
    """As two programs under one lease do."""
    first, second = enter(3), enter(3)
    assert spawn(first, culprit).call(PROTOTYPES, "fine") == 7
    assert spawn(second, culprit).call(PROTOTYPES, "fine") == 7


def test_other_store_waits_for_the_living(enter: Enter) -> None:
    first = enter(10)
    with pytest.raises(Fenced, match=r"another store, farm-a .*wait"):
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
    fence.write_text("farm-a\n9\n")
    with pytest.raises(Fenced, match="token 9"):
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
