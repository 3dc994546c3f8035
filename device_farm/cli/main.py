"""The command `ontarget`. A file in `commands/` is a command; it is imported when it is typed."""

import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from ontarget.device_farm.cli import commands
from ontarget.device_farm.cli.folders import CommandFolder
from ontarget.device_farm.errors import LeaseLost, WaitRanOut
from ontarget.harness.errors import OntargetError, UserError
from ontarget.version import VERSION

FAILED: Final = 1
USAGE: Final = 2
INFRASTRUCTURE: Final = 3
EXEC_FAILED: Final = 255
INTERRUPTED: Final = 130
_COMPLETE: Final = "_ONTARGET_COMPLETE"  # where Click looks for what a shell asks


@click.command(cls=CommandFolder, folder=commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="ontarget")
def ontarget() -> None:
    """Reserve devices of a farm, reach them, and look after virtual boards.

    The farm is that of --farm, of $ONTARGET_FARM or of the nearest farm.toml; without any it is your own, of this
    machine and the devices that you have used before.
    """


def exit_status(error: OntargetError) -> int:
    """1 if what was asked for was tried in vain, 2 if it makes no sense, 3 if something is broken."""
    if isinstance(error, WaitRanOut | LeaseLost):
        return FAILED
    return USAGE if isinstance(error, UserError) else INFRASTRUCTURE


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command line, by default this process's, and end the process with the design's exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    if _COMPLETE in os.environ:
        from ontarget.device_farm.cli.completing import register

        register()
    # its status is the remote command's, which may be any other
    failed = EXEC_FAILED if words[:1] == ["exec"] else None
    try:
        status = ontarget.main(args=words, prog_name="ontarget", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(failed or error.exit_code)
    except OntargetError as error:
        click.echo(f"ontarget: {error}", err=True)
        sys.exit(failed or exit_status(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("ontarget: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # who read our output has gone; the interpreter must not try again at its end
        sys.stderr.close()
        sys.exit(failed or FAILED)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
