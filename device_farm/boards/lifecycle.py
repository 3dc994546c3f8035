"""Boards from power-on to power-off, whoever started them."""

import dataclasses
import shutil
from pathlib import Path

from ontarget.device_farm.boards import cpio, guest, image, keys, machine, registry, timing
from ontarget.device_farm.boards.image import Image
from ontarget.device_farm.boards.models import model_named
from ontarget.device_farm.boards.registry import Board, Clock
from ontarget.device_farm.debian import emptied
from ontarget.device_farm.locks import Progress, unheard
from ontarget.harness.errors import InfraError, UserError

# A board that is up greets at once; one paused for a timing elsewhere greets after that.
REUSE_DEADLINE = 30.0


def build(model: str, progress: Progress = unheard) -> Image:
    """The system image for boards of `model`: one for all models, built once. Raises UserError, InfraError."""
    model_named(model)
    return image.build(progress=progress)


def up(model: str, name: str | None = None, *, free_running: bool = False, progress: Progress = unheard) -> Board:
    """A board of `model` that is up; one of this `name` (default: the model's) that is already on is taken as it is.

    What a killed run left half started is cleared away. `free_running` lets it run without counting instructions:
    faster, and never to be timed on. Raises UserError if the name is taken by another kind of board, InfraError.
    """
    model_named(model)
    name = name or model
    clock: Clock = "none" if free_running else "instructions"
    with registry.locked(name, progress):
        found = _usable(name, model, clock)
        if found is not None:
            timing.heal()
            try:
                machine.wait_until_up(found, deadline=REUSE_DEADLINE)
            except InfraError as error:
                progress(f"{name} is on but does not answer ({error}): it is started afresh")
            else:
                progress(f"{name} is on already (process {found.pid})")
                return found
        system = build(model, progress)
        return _power_on(_prepare(name, model, clock, system), system, progress)


def power_on(name: str, progress: Progress = unheard, *, deadline: float = machine.BOOT_DEADLINE) -> Board:
    """Start a board that has been up before, with the same port and keys. Does nothing if it is on.

    It is given `deadline` seconds to come up.

    Raises UserError if there is no such board, InfraError.
    """
    with registry.locked(name, progress):
        board = _known(name)
        if board.pid is not None:
            return board
        system = image.cached(board.image) or build(board.model, progress)
        return _power_on(dataclasses.replace(board, image=system.digest), system, progress, deadline)


def power_off(name: str, progress: Progress = unheard) -> None:
    """Cut the board's power; it can be started again by `power_on`. Does nothing if it is off. Raises UserError."""
    with registry.locked(name, progress):
        machine.stop(_known(name).folder)


def down(name: str, progress: Progress = unheard) -> bool:
    """Cut the board's power and forget it. Returns whether there was one."""
    with registry.locked(name, progress):
        return _clear(registry.folder_of(name))


def _known(name: str) -> Board:
    board = registry.read(name)
    if board is None or not board.ssh_port:
        raise UserError(f"no board named {name!r} has been up; there are: {', '.join(registry.names()) or 'none'}")
    return board


def _usable(name: str, model: str, clock: Clock) -> Board | None:
    board = registry.find(name)
    if board is not None and (board.model, board.clock) != (model, clock):
        raise UserError(
            f"board {name} is on as a {board.model} with clock {board.clock!r}, asked was {model} with {clock!r}; "
            f"stop it first (ontarget board down {name}) or choose another name"
        )
    return board


def _clear(folder: Path) -> bool:
    was_there = folder.exists()
    machine.stop(folder)
    if was_there:
        shutil.rmtree(folder)
    return was_there


def _prepare(name: str, model: str, clock: Clock, system: Image) -> Board:
    """A new record with new keys, in a cleared folder that others cannot read."""
    folder = registry.folder_of(name)
    _clear(folder)
    emptied(folder).chmod(0o700)
    pairs = keys.generate()
    board = Board(name, model, clock, system.digest, pairs.fingerprint, 0, folder)
    board.identity.touch(0o600)
    board.identity.write_bytes(pairs.identity)
    own = folder / "own.cpio"
    own.touch(0o600)
    own.write_bytes(cpio.archive(guest.board_files(name, pairs)))
    return board


def _power_on(board: Board, system: Image, progress: Progress, deadline: float = machine.BOOT_DEADLINE) -> Board:
    initrd = board.folder / "initrd"
    initrd.touch(0o600)
    initrd.write_bytes(system.initrd.read_bytes() + (board.folder / "own.cpio").read_bytes())
    registry.write(board)
    with timing.undisturbed_by_timing(progress):
        progress(f"starting {board.name}")
        try:
            started = machine.start(board, system)
            machine.wait_until_up(started, deadline=deadline)
        except BaseException:  # also of an interrupt: nobody else knows of this process yet
            machine.stop(board.folder)
            raise
    registry.write(started)
    return started
