"""`ontarget serve`: the farm's page."""

import os
from pathlib import Path

import click

from ontarget.device_farm.cli.options import farm_options, say


@click.command("serve")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Listen here; others than this machine's: a token."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any that is free.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The token that visitors need (default: $ONTARGET_SERVE_TOKEN).",
)
@click.option(
    "--tls-certificate", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Serve by TLS."
)
@click.option(
    "--tls-key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The certificate's key."
)
@click.option(
    "--commit-url", default="", metavar="URL", help="A commit's page, such as https://HOST/REPO/commit/{commit}."
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="A git repository that tells which commits lie behind a point.",
)
@farm_options
def command(
    host: str,
    port: int,
    token_file: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    commit_url: str,
    repository: Path | None,
    farm: Path | None,
    on: tuple[str, ...],
) -> None:
    """Show the farm to browsers: devices, runs, histories; and to Prometheus, at /metrics. It changes nothing.

    Only this machine is served, unless --host says otherwise.
    """
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError("--tls-certificate and --tls-key go together, and one of them was given")
    check_commit_url(commit_url)
    from ontarget.device_farm.web.access import Access, find_token, require_token

    token = find_token(os.environ, token_file)
    require_token(host, token)
    # numpy, not imported yet, would have all cores spin for sums of a thousand numbers
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from ontarget.device_farm.cli.pages import opened_site
    from ontarget.device_farm.web.app import make_app
    from ontarget.device_farm.web.serving import Address, serve

    with opened_site(farm, on, commits=commit_url, repository=repository) as site:
        serve(
            make_app(site, Access(token)),
            Address(host, port, tls_certificate, tls_key),
            lambda address: say(f"serving {site.overview.name} at {address} until Ctrl-C"),
        )


def check_commit_url(template: str) -> None:
    """Raises click.UsageError for what is no address with a place for a commit."""
    if template and not (template.startswith(("https://", "http://")) and "{commit}" in template):
        raise click.UsageError(f"--commit-url: expected https://HOST/REPO/commit/{{commit}}, found {template!r}")
