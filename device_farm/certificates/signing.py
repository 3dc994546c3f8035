"""Who gets a certificate, and for how long: the holder of a lease, until it ends.

The signer looks the lease up in the store by its secret. What the certificate says comes from there and from the farm
file, and nothing of it from whoever asks.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ontarget.device_farm.certificates.authority import Terms, sign
from ontarget.device_farm.errors import NoSuchDevice, SigningFailed
from ontarget.device_farm.inventory import Inventory
from ontarget.device_farm.leases.store import Grant, LeaseStore
from ontarget.harness.errors import UserError

SKEW: Final = 300.0
"""Seconds by which a device's clock may be behind the store's."""
_SIGNER_SECONDS: Final = 30.0
_CERTIFICATE: Final = re.compile(r"ssh-ed25519-cert-v01@openssh\.com \S+")


def certificate_for(inventory: Inventory, store: LeaseStore, secret: str, public_key: str) -> str:
    """Return the certificate of a lease for a key, from the farm's own authority or from the signer that has it.

    Raises LeaseLost, NoSuchLease, NoSuchDevice, UserError, MissingFile, SigningFailed, StoreFailed.
    """
    ca = inventory.ca
    if ca is None:
        raise UserError(
            'the farm has no certificate authority: give the farm file `ca = { key = "farm-ca" }`, made by '
            '`ontarget farm ca init`, or `ca = { signer = ["ssh", "farm@HOST"] }`'
        )
    if ca.signer:
        return ask(ca.signer, secret, public_key)
    if ca.key is None:
        raise UserError("the farm file's `ca` names neither a `key` nor a `signer`")
    grant = store.holding(secret)
    if inventory.named(grant.device) is None:
        raise NoSuchDevice(f"the lease is of {grant.device!r}, which the inventory does not list")
    return sign(ca.key, public_key, terms_of(grant))


def terms_of(grant: Grant) -> Terms:
    """What the certificate of a lease says."""
    now = grant.expires - grant.left
    return Terms(grant.device, grant.lease, grant.token, now - SKEW, grant.expires)


def ask(signer: Sequence[str], secret: str, public_key: str) -> str:
    """Return what `signer`, a command, makes of a lease and a key on two lines of its stdin. Raises SigningFailed."""
    shown = " ".join(signer)
    try:
        done = subprocess.run(
            list(signer),
            input=f"{secret}\n{public_key.strip()}\n",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SIGNER_SECONDS,
            check=False,
        )
    except OSError as error:
        raise SigningFailed(f"the farm's signer `{shown}` does not start: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SigningFailed(f"the farm's signer `{shown}` did not answer within {_SIGNER_SECONDS:g} s") from error
    found = _CERTIFICATE.search(done.stdout)
    if done.returncode != 0 or found is None:
        said = (done.stderr or done.stdout).strip()[-500:] or "nothing"
        raise SigningFailed(f"the farm's signer `{shown}` ended with {done.returncode} and no certificate: {said}")
    return found[0]


def read_request(text: str) -> tuple[str, str]:
    """The lease and the public key that `ask` writes. Raises UserError."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 2:
        raise UserError(f"expected two lines, a lease and a public key, found {len(lines)}")
    return lines[0], lines[1]


def key_of(path: Path) -> str:
    """A public key from its file. Raises UserError."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the public key {path}: {error}") from error
