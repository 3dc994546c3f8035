"""While one run times on the host, its boards stand still; they always go on afterwards."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from ontarget.device_farm import boards
from ontarget.device_farm.boards import Board
from support.boards import said

A53 = "virtual-cortex-a53"
SharedBoard = Callable[[str], Board]

_TIMER = """
import sys, time
from ontarget.device_farm import boards
with boards.quiet():
    print("quiet", flush=True)
    time.sleep(600)
"""


def test_boards_stand_still_and_go_on(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    with boards.quiet():
        during = board.paused
    assert (during, board.paused) == (True, False)
    assert said(board, "echo", "awake") == "awake\n"


def test_boards_go_on_after_an_error(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    with pytest.raises(KeyboardInterrupt), boards.quiet():
        raise KeyboardInterrupt
    assert not board.paused


def test_a_board_is_paused_and_resumed_by_hand(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    states = []
    for act in (board.pause, board.resume):
        act()
        states.append(board.paused)
    assert states == [True, False]


def test_boards_left_paused_by_a_killed_run_are_healed(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    process = subprocess.Popen([sys.executable, "-c", _TIMER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "quiet\n"
    assert boards.heal() == []
    assert board.paused
    process.kill()
    process.communicate(timeout=30)
    assert board.paused
    assert board.name in boards.heal()
    assert not board.paused


def test_who_waits_says_so_and_is_let_in_afterwards(shared_board: SharedBoard) -> None:
    board = shared_board(A53)
    heard = threading.Event()
    messages: list[str] = []

    def hear(message: str) -> None:
        messages.append(message)
        heard.set()

    def second() -> None:
        with boards.quiet(hear):
            messages.append(f"paused: {board.paused}")

    thread = threading.Thread(target=second)
    with boards.quiet():
        thread.start()
        assert heard.wait(30)
        assert len(messages) == 1
    thread.join(30)
    assert "waiting for another run" in messages[0]
    assert messages[1:] == ["paused: True"]
    assert not board.paused
