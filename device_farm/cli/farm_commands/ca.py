"""`ontarget farm ca`: certificates that let the holder of a lease in, for as long as it lasts."""

import sys
from pathlib import Path

import click

from ontarget.device_farm.cli.options import LEASE_VARIABLE, farm_options
from ontarget.device_farm.cli.stores import inventory_of, opened_store
from ontarget.device_farm.inventory import Inventory
from ontarget.harness.errors import UserError

DEFAULT_KEY = "farm-ca"
_REQUEST_MOST = 65536
_ON_THE_DEVICE = """\
On each device with `certificate = true`, as root, with {name} as its name in the farm file:
  /etc/ssh/ontarget_ca.pub                  the line above
  /etc/ssh/ontarget_principals              {name}
  /etc/ssh/sshd_config.d/ontarget.conf      TrustedUserCAKeys /etc/ssh/ontarget_ca.pub
                                            AuthorizedPrincipalsFile /etc/ssh/ontarget_principals
then let sshd read them (systemctl reload ssh)."""


@click.group("ca")
def command() -> None:
    """Sign SSH user certificates that last as long as a lease: jobs then hold no keys to devices."""


@command.command("init")
@click.argument("key", required=False, type=click.Path(path_type=Path))
@farm_options
def init(key: Path | None, farm: Path | None, on: tuple[str, ...]) -> None:
    """Make the authority's key in the file KEY (default: that of the farm file's `ca`), and say what devices need.

    Whoever can read the file can make certificates for every device: keep it on the host that signs, and nowhere else.
    """
    from ontarget.device_farm.certificates import authority

    path = key or _key_of(inventory_of(farm, on))
    line = authority.make(path)
    click.echo(line)
    click.echo(f'{path} is made; the farm file names it as `ca = {{ key = "{path}" }}`. {_told("NAME")}', err=True)


@command.command("show")
@click.argument("device", required=False)
@farm_options
def show(device: str | None, farm: Path | None, on: tuple[str, ...]) -> None:
    """Print the authority's public key, and what DEVICE needs to trust it."""
    from ontarget.device_farm.certificates import authority

    click.echo(authority.public_line(_key_of(inventory_of(farm, on))))
    click.echo(_told(device or "NAME"), err=True)


@command.command("sign")
@click.argument("public_key", required=False, type=click.Path(path_type=Path))
@click.option(
    "--lease", "secret", envvar=LEASE_VARIABLE, metavar="LEASE", help=f"The lease (default: ${LEASE_VARIABLE})."
)
@farm_options
def sign(public_key: Path | None, secret: str | None, farm: Path | None, on: tuple[str, ...]) -> None:
    """Print a certificate for the key in the file PUBLIC_KEY, good for the lease's device until the lease ends.

    Without PUBLIC_KEY, lease and key are the two lines of stdin: so a `signer` of other hosts' farm files is asked, as
    by a forced command of SSH that allows this and nothing else.
    """
    from ontarget.device_farm.certificates import signing

    if public_key is None:
        secret, line = signing.read_request(sys.stdin.read(_REQUEST_MOST))
    elif secret is None:
        raise click.UsageError(f"name the lease: --lease LEASE, or ${LEASE_VARIABLE}")
    else:
        line = signing.key_of(public_key)
    with opened_store(farm, on) as (inventory, store):
        click.echo(signing.certificate_for(inventory, store, secret, line))


def _key_of(inventory: Inventory) -> Path:
    if inventory.ca is None:
        return Path(DEFAULT_KEY) if inventory.source is None else inventory.source.parent / DEFAULT_KEY
    if inventory.ca.key is None:
        raise UserError("the farm file names a `signer`: the authority's key is on the host where that signs")
    return inventory.ca.key


def _told(name: str) -> str:
    return _ON_THE_DEVICE.format(name=name)
