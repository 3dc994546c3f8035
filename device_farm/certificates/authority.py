"""The farm's certificate authority: a key in a file, and what it signs.

Certificates are as PROTOCOL.certkeys of OpenSSH says. A device trusts the authority by `TrustedUserCAKeys`, and lets in
whoever has a certificate with its own name among the principals (`AuthorizedPrincipalsFile`).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_key,
)

from ontarget.harness.errors import MissingFile, UserError

# What a lease needs of SSH: a terminal for people, and the way on from a jump host.
_EXTENSIONS: Final = (b"permit-port-forwarding", b"permit-pty")
_OTHERS: Final = 0o077


@dataclass(frozen=True)
class Terms:
    """What a certificate says: good from `after` until `before` (seconds since 1970), for `principal`."""

    principal: str
    key_id: str
    serial: int
    after: float
    before: float


def make(path: Path) -> str:
    """Make an authority's key (Ed25519) in a new file that nobody else may read; return its public line.

    Raises UserError if there is such a file.
    """
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UserError(
            f"{path} is there already: devices that trust it would have to be told of another. Remove it, if no device "
            "trusts it, or name another file"
        ) from error
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, made with its mode
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return public_line(path)


def public_line(path: Path) -> str:
    """Return an authority's public key, as `TrustedUserCAKeys` files hold it. Raises as `sign`."""
    public = _load(path).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{public.decode()} ontarget farm authority"


def sign(path: Path, public_key: str, terms: Terms) -> str:
    """Return a certificate for an Ed25519 `public_key` (a line as in a .pub file), signed with the key in `path`.

    Raises MissingFile, and UserError for a key that cannot be read or that others may read.
    """
    authority = _load(path)
    try:
        subject = load_ssh_public_key(public_key.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UserError(f"expected a public key as in a .pub file, found {public_key[:60]!r}: {error}") from error
    if not isinstance(subject, Ed25519PublicKey):
        raise UserError("expected an Ed25519 key to sign: make one with `ssh-keygen -t ed25519`")
    builder = (
        SSHCertificateBuilder()
        .public_key(subject)
        .serial(terms.serial)
        .type(SSHCertificateType.USER)
        .key_id(terms.key_id.encode())
        .valid_principals([terms.principal.encode()])
        .valid_after(int(terms.after))
        .valid_before(int(terms.before))
    )
    for extension in _EXTENSIONS:
        builder = builder.add_extension(extension, b"")
    return builder.sign(authority).public_bytes().decode()


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise MissingFile(
            f"cannot read the farm's authority {path}: {error.strerror}. `ontarget farm ca init` makes one; where "
            "another host keeps it, name a `signer` in the farm file instead"
        ) from error
    if mode & _OTHERS:
        raise UserError(f"{path} may be read by others (mode {mode & 0o777:o}), who could then sign: chmod 600 {path}")
    try:
        key = load_ssh_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UserError(f"{path} is no private key without a passphrase, in OpenSSH's format: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"{path} is no Ed25519 key: make one with `ontarget farm ca init`")
    return key
