"""`ontarget board`: virtual boards on this machine."""

from typing import TYPE_CHECKING

import click

from ontarget.device_farm.cli.options import json_option, say
from ontarget.device_farm.cli.output import print_json, print_table

if TYPE_CHECKING:
    from ontarget.device_farm.boards import Board


@click.group("board")
def command() -> None:
    """Build, start, stop and list virtual boards."""


@command.command("build")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
def build(models: tuple[str, ...]) -> None:
    """Build what the boards of MODEL boot from (default: of all models). Built once, then kept."""
    from ontarget.device_farm import boards

    for model in models or boards.MODELS:
        boards.build(model, progress=say)


@command.command("up")
@click.argument("model")
@click.argument("name", required=False)
@click.option("--free-running", is_flag=True, help="As fast as the host can; nothing may be timed on it.")
@json_option
def up(model: str, name: str | None, free_running: bool, as_json: bool) -> None:
    """Boot a board of MODEL and leave it on; NAME is the model's by default."""
    from ontarget.device_farm import boards

    board = boards.up(model, name, free_running=free_running, progress=say)
    if as_json:
        print_json(_record(board))
        return
    click.echo(f"{board.name} is up: ssh -p {board.ssh_port} -i {board.identity} root@127.0.0.1")
    click.echo(f"console {board.console_url}")


@command.command("down")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="All boards of this user.")
def down(names: tuple[str, ...], every: bool) -> int:
    """Switch boards off and forget them."""
    from ontarget.device_farm import boards

    if bool(names) == every:
        raise click.UsageError("name boards, or give --all")
    missing = [name for name in names or boards.names() if not boards.down(name)]
    for name in missing:
        say(f"there was no board {name}")
    return 1 if missing else 0


@command.command("list")
@json_option
def list_boards(as_json: bool) -> None:
    """List the boards that are on."""
    from ontarget.device_farm import boards

    running = boards.running()
    if as_json:
        print_json([_record(board) for board in running])
        return
    rows = [[board.name, board.model, board.clock, str(board.ssh_port), board.console_url] for board in running]
    print_table(("name", "model", "clock", "ssh port", "console"), rows)


def _record(board: "Board") -> dict[str, str | int | None]:
    return {
        "name": board.name,
        "model": board.model,
        "clock": board.clock,
        "pid": board.pid,
        "ssh_port": board.ssh_port,
        "host_key": board.host_key,
        "identity": str(board.identity),
        "console_url": board.console_url,
    }
