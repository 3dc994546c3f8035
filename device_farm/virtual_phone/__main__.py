"""A phone to try things on: `python -m ontarget.device_farm.virtual_phone --port 5555 [--board virtual-cortex-a53]`.

Then `--on adb:127.0.0.1:5555`. It runs until Ctrl-C. `--behind root` (the default) is this machine as Android's user
`shell` in a root of its own, which needs root; `--behind here` this machine as it is.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ontarget.device_farm.virtual_phone import tools
from ontarget.device_farm.virtual_phone.behind import Behind, on_board, private_root, this_machine
from ontarget.device_farm.virtual_phone.phone import VirtualPhone
from ontarget.harness.agent.build import host_abi
from ontarget.harness.android import CLOCK


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m ontarget.device_farm.virtual_phone")
    parser.add_argument("--port", type=int, default=0, help="of the loopback address; 0, the default, for a free one")
    parser.add_argument("--board", metavar="MODEL", help="run its commands on a virtual board, booted for it")
    parser.add_argument("--behind", choices=("root", "here"), default="root")
    parser.add_argument("--no-shell-v2", action="store_true", help="be as an adbd before Android 7")
    given = parser.parse_args(words)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ontarget-phone-tools-")))
        with VirtualPhone(_behind(stack, folder, given), port=given.port) as phone:
            phone.faults.shell_v2 = not given.no_shell_v2
            sys.stdout.write(f"adb:{phone.serial}\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


def _behind(stack: ExitStack, folder: Path, given: argparse.Namespace) -> Behind:
    abi = "aarch64" if given.board else str(host_abi() or "unknown")
    # a board counts instructions: so does the phone's clock
    tools.write(folder, abi=abi, serial="VIRTUAL0001", more={CLOCK: "instructions"} if given.board else {})
    if given.board:
        from ontarget.device_farm import boards

        name = f"phone-{given.board}"
        board = boards.up(given.board, name)
        stack.callback(boards.down, name)
        return stack.enter_context(on_board(board, folder))
    if given.behind == "root":
        return stack.enter_context(private_root(abi, folder))
    return this_machine(abi, folder)


if __name__ == "__main__":
    # Blocked before threads start, so that only `sigwait` takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main(sys.argv[1:])
