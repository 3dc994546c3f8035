"""`ontarget farm metrics`: the farm in figures, for monitoring that reads files."""

import tempfile
from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options


@click.command("metrics")
@click.option("--openmetrics", is_flag=True, help="OpenMetrics text instead of Prometheus' own.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a file, whole or not at all, as node_exporter's textfile collector reads it.",
)
@farm_options
def command(openmetrics: bool, path: Path | None, farm: Path | None, on: tuple[str, ...]) -> None:
    """Print queue, waits, utilisation, faults and verdicts as `ontarget serve` shows them at /metrics."""
    from ontarget.device_farm.cli.pages import opened_site

    with opened_site(farm, on) as site:
        from ontarget.device_farm.web.metrics import exposed

        text, _ = exposed(site, as_openmetrics=openmetrics)
    if path is None:
        click.echo(text, nl=False)
    else:
        _write(path, text)


def _write(path: Path, text: bytes) -> None:
    from ontarget.harness.errors import MissingFile

    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(text)
        temporary = Path(file.name)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise MissingFile(f"cannot write {path}: {error.strerror or error}") from error
