"""Key pairs of one board: made when it is first started, shared with no other board."""

import base64
import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_KIND = b"ssh-ed25519"


@dataclass(frozen=True)
class BoardKeys:
    """`identity` is the private key that logs in (OpenSSH format), `fingerprint` is "SHA256:..." of the host key."""

    identity: bytes
    authorized_key: bytes
    dropbear_host_key: bytes
    fingerprint: str

    def __repr__(self) -> str:
        return f"BoardKeys({self.fingerprint})"


def generate() -> BoardKeys:
    """Make both pairs (ed25519)."""
    client, host = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    seed = host.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = host.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return BoardKeys(
        identity=client.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        authorized_key=client.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n",
        # dropbear's own file format: the key's kind, then seed and public key as one string (its ed25519.c).
        dropbear_host_key=_string(_KIND) + _string(seed + public),
        fingerprint=fingerprint(public),
    )


def fingerprint(public: bytes) -> str:
    """OpenSSH's fingerprint of a raw ed25519 public key (32 bytes)."""
    digest = hashlib.sha256(_string(_KIND) + _string(public)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _string(data: bytes) -> bytes:
    """RFC 4251, section 5."""
    return struct.pack(">I", len(data)) + data
