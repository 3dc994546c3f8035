"""`ontarget completion`: teach the shell our words."""

import click
from click.shell_completion import get_completion_class

from ontarget.device_farm.cli.completing import register


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, to be evaluated at its start.

    Bash: eval "$(ontarget completion bash)" in ~/.bashrc.
    """
    register()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion is known for {shell}")
    root = ctx.find_root().command
    click.echo(kind(root, {}, "ontarget", "_ONTARGET_COMPLETE").source())
