"""Code under test that means harm changes nothing that is not its own, and goes with the lease, whatever it tries."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from ontarget.device_farm.boards import Board
from ontarget.harness.abi import Abi
from ontarget.harness.agent.process import Process
from ontarget.harness.agent.session import AgentSession, Fence
from ontarget.harness.errors import Crashed, Exited, OntargetError, TimedOut
from ontarget.harness.transports.local import LocalTransport
from ontarget.harness.transports.protocols import Transport
from support import villain
from support.agents import NATIVE, compile_library, spawn
from support.boards import connected
from support.villain import PROTOTYPES
from support.waiting import eventually

# Below these the users of code under test have their numbers.
FIRST_USER = 1879048192
PLACES = ("/tmp", "/dev/shm")


@dataclass
class Place:
    """A device with an agent that is root, the library for it, and two roots: ours, and another tenant's."""

    transport: Transport
    library: Path
    root: str
    slowness: float = 1.0
    sessions: list[AgentSession] = field(default_factory=list)

    def enter(self, token: int = 1, *, root: str | None = None, owner: str = "me") -> AgentSession:
        session = AgentSession.start(
            self.transport, device=self.transport.name, root=root or self.root, fence=Fence("test", token, owner)
        )
        session.slowness = self.slowness
        self.sessions.append(session)
        return session

    def say(self, script: str, *words: str) -> str:
        """What a script prints, whatever the status of its last command; it must print no errors."""
        done = self.transport.run(["sh", "-c", script, "sh", *words], deadline=120.0)
        assert not done.stderr, done
        return done.stdout.decode()

    def processes_of(self, user: int) -> list[str]:
        """Processes of the user that have the library of this root loaded: another root's may have his number next."""
        script = 'grep -lF "$1/" $(grep -l "^Uid:.$2" /proc/[0-9]*/status | sed s/status/maps/) /dev/null'
        return self.say(f"exec 2>/dev/null; {script}", self.root, str(user)).split()

    def files_of(self, user: int, *folders: str) -> list[str]:
        return self.say(
            'u=$1; shift; find "$@" -user "$u" -name "evil*" 2>/dev/null', str(user), *PLACES, *folders
        ).split("\n")[:-1]

    def ipc_of(self, user: int) -> str:
        return self.say('cat /proc/sysvipc/* | grep -w "$1"', str(user))

    def agents(self, root: str) -> list[int]:
        """The processes that serve a root."""
        words = "tr '\\0' ' ' < $p/cmdline 2>/dev/null"
        script = (
            f'exec 2>/dev/null; for p in /proc/[0-9]*; do {words} | grep -qF "serve $1 " && echo ${{p#/proc/}}; done'
        )
        return [int(number) for number in self.say(script, root).split()]

    def content(self) -> dict[str, str]:
        """What each file below the root holds, by digest, with its mode and owner."""
        script = 'cd "$1" && find . -type f | while read f; do stat -c "%n %a %u" "$f"; sha256sum < "$f"; done'
        lines = self.say(script, self.root).splitlines()
        return dict(zip(lines[::2], lines[1::2], strict=True))


def on_this_machine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    library = compile_library(villain.SOURCE, tmp_path_factory.mktemp("villain") / "libvillain.so", NATIVE)
    return Place(LocalTransport("dev"), library, str(root))


@pytest.fixture(params=["local", "board"])
def place(
    request: pytest.FixtureRequest,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    shared_board: Callable[[str], Board],
) -> Iterator[Place]:
    if request.param == "local":
        here = on_this_machine(root, tmp_path_factory)
        yield here
        end(here)
        return
    library = compile_library(villain.SOURCE, tmp_path_factory.mktemp("villain") / "libvillain.so", Abi.AARCH64)
    with connected(shared_board("virtual-cortex-a53")) as transport:
        there = Place(transport, library, f"/var/lib/{root.name}", slowness=20.0)
        yield there
        end(there)


def end(place: Place) -> None:
    for session in place.sessions:
        session.close()


def attack(process: Process, function: str, *arguments: object, deadline: float = 30.0) -> int:
    words = [
        process.buffer(np.frombuffer(f"{argument}\0".encode(), "i1")) if isinstance(argument, str) else argument
        for argument in arguments
    ]
    done = process.call(PROTOTYPES, function, *words, deadline=deadline)
    assert isinstance(done, int)
    return done


def test_no_file_of_the_device_can_be_changed_or_locked(place: Place) -> None:
    other = place.enter(root=f"{place.root}-other", owner="another tenant")
    session = place.enter()
    process = spawn(session, place.library)
    theirs = spawn(other, place.library)
    before = place.content()
    files = place.say(
        'find "$1" "$1-other" /run/ontarget-users /dev/ontarget-users -maxdepth 3 2>/dev/null', place.root
    ).split()
    stored = [path for path in files if path.endswith("libvillain.so")]
    programs = [path for path in files if path.endswith("/ontarget-agent")]
    assert len(stored) == len(programs) == 2
    assert {f"{place.root}/fence", f"{place.root}/fence.lock", f"{place.root}/agents"} < set(files)
    for path in files:
        assert attack(process, "change", path) == 0, path
        if path.endswith("/fence.lock") or Path(path).parent.name in ("agents", "ontarget-users"):
            assert attack(process, "lock", path) == 0, path
    assert attack(process, "change", f"{place.root}/tmp/anything") == 0
    assert place.content() == before
    assert theirs.call(PROTOTYPES, "fine") == 7
    # The next lease is not held up, and what was stored for this one is what it gets.
    again = place.enter(2)
    assert spawn(again, place.library).call(PROTOTYPES, "fine") == 7


def test_no_other_process_can_be_hurt(place: Place) -> None:
    other = place.enter(root=f"{place.root}-other", owner="another tenant")
    theirs = spawn(other, place.library)
    session = place.enter()
    process, baseline = spawn(session, place.library), spawn(session, place.library, "baseline")
    agents = [*place.agents(place.root), *place.agents(f"{place.root}-other")]
    victims = [theirs.call(PROTOTYPES, "number"), baseline.call(PROTOTYPES, "number"), *agents]
    assert len(agents) == 2
    for victim in victims:
        assert attack(process, "strike", victim) == 0
    for each in (theirs, baseline, process):
        assert each.call(PROTOTYPES, "fine") == 7
    users = {each.call(PROTOTYPES, "user") for each in (theirs, baseline, process)}
    assert len(users) == 3
    assert min(int(user or 0) for user in users) >= FIRST_USER


def test_inputs_of_other_processes_can_not_be_changed(place: Place) -> None:
    session = place.enter()
    process = spawn(session, place.library)
    values = np.arange(10, 74, dtype="u1")
    mine = process.buffer(values)
    assert attack(process, "first", mine) == 10
    assert attack(process, "spoil") == 0
    later = spawn(session, place.library, "baseline")
    assert later.read(later.buffer(values)).tolist() == values.tolist()


def test_a_process_that_leaves_its_group_still_ends_at_its_deadline(place: Place) -> None:
    session = place.enter()
    process, baseline = spawn(session, place.library), spawn(session, place.library, "baseline")
    group = baseline.call(PROTOTYPES, "number")
    with pytest.raises(TimedOut):
        attack(process, "hide_and_hang", group, deadline=0.3)
    assert baseline.call(PROTOTYPES, "fine") == 7


@pytest.mark.parametrize("attack_name", ["stay", "stay_and_shoot"])
def test_what_it_leaves_running_ends_with_its_process(place: Place, attack_name: str) -> None:
    session = place.enter()
    process, other = spawn(session, place.library), spawn(session, place.library, "baseline")
    user = process.call(PROTOTYPES, "user")
    assert isinstance(user, int)
    other.call(PROTOTYPES, "fine")
    try:
        attack(process, attack_name)
    except (Crashed, OntargetError):
        assert attack_name == "stay_and_shoot"  # it may hit itself first
    process.close()
    assert other.call(PROTOTYPES, "fine") == 7
    eventually(lambda: not place.processes_of(user), "the end of what was left running", 60.0)


def test_what_a_killed_agent_could_not_end_is_ended_by_the_next(place: Place) -> None:
    session = place.enter()
    process = spawn(session, place.library)
    user = process.call(PROTOTYPES, "user")
    assert isinstance(user, int)
    assert attack(process, "litter", "/tmp", "/etc/passwd") == 3
    assert attack(process, "stay") == 4
    (agent,) = place.agents(place.root)
    place.say('kill -9 "$1"', str(agent))
    assert place.processes_of(user)
    again = place.enter(2)
    # All of it is gone before the new lease is let in.
    assert place.processes_of(user) == []
    assert place.files_of(user) == []
    assert place.ipc_of(user) == ""
    assert spawn(again, place.library).call(PROTOTYPES, "fine") == 7


def test_litter_goes_with_the_lease_and_nothing_else_does(place: Place) -> None:
    shared = f"/tmp/{place.root.rsplit('/', 1)[-1]}-shared"
    place.say('mkdir -p "$1" && chmod 777 "$1" && echo ours > "$1/ours" && echo ours > /tmp/ours-too', shared)
    before = place.say("sha256sum /etc/passwd")
    session = place.enter()
    process = spawn(session, place.library)
    user = process.call(PROTOTYPES, "user")
    assert isinstance(user, int)
    assert attack(process, "litter", shared, "/etc/passwd") == 3
    assert len(place.files_of(user, shared)) > 200
    session.close()
    eventually(lambda: not place.files_of(user, shared), "the removal of what was left", 60.0)
    eventually(lambda: not place.ipc_of(user), "the removal of System V IPC", 60.0)
    assert place.say('cat "$1/ours" /tmp/ours-too', shared) == "ours\nours\n"
    assert place.say("sha256sum /etc/passwd") == before
    place.say('rm -r "$1" /tmp/ours-too', shared)


def test_a_fork_bomb_has_an_end(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = on_this_machine(root, tmp_path_factory)
    session = place.enter()
    process = spawn(session, place.library)
    user = process.call(PROTOTYPES, "user")
    assert isinstance(user, int)
    assert 100 < attack(process, "bomb") <= 1024
    process.close()
    eventually(lambda: not place.processes_of(user), "the end of all of them", 60.0)
    assert spawn(session, place.library).call(PROTOTYPES, "fine") == 7
    end(place)


def test_a_root_that_somebody_else_prepared(root: Path, tmp_path: Path) -> None:
    """As in /tmp, where another user may have been first."""
    (tmp_path / "elsewhere").mkdir()
    root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OntargetError, match=r"expected the deploy root .* to be a folder, and no link"):
        AgentSession.start(LocalTransport("dev"), device="dev", root=str(root), fence=Fence("test", 1))


def test_files_that_somebody_else_put_into_the_store(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A root that was another user's: what is there under a digest is stored again."""
    place = on_this_machine(root, tmp_path_factory)
    digest = hashlib.sha256(place.library.read_bytes()).hexdigest()
    planted = root / digest / place.library.name
    planted.parent.mkdir(parents=True)
    planted.write_bytes(place.library.read_bytes())
    place.say('chown -R 12345 "$1"', str(root))
    session = place.enter()
    assert session.stat_file(digest, place.library.name) is None
    assert root.stat().st_uid == 0
    session.close()


def test_exits_are_told_as_before(place: Place) -> None:
    """A process that ends itself is not mistaken for one that was ended."""
    process = spawn(place.enter(), place.library)
    with pytest.raises((Crashed, Exited)):
        process.call("void abort(void);", "abort")
