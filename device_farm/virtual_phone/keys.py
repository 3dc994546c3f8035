"""The RSA keys by which a phone knows a computer (AOSP, packages/modules/adb: libcrypto_utils' android_pubkey)."""

import base64
import binascii
import struct
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA1

_BYTES: Final = 256
# Words of the modulus, -1/n[0] mod 2^32, the modulus, R^2 mod n, the exponent; all little-endian.
_LAYOUT: Final = struct.Struct(f"<II{_BYTES}s{_BYTES}sI")


def parse_public_key(line: bytes) -> rsa.RSAPublicKey:
    """Read a key as adb sends it: base64, then the user's name. Raises ValueError for anything else."""
    words = line.rstrip(b"\0").split()
    try:
        raw = base64.b64decode(words[0] if words else b"", validate=True)
        size, _, modulus, _, exponent = _LAYOUT.unpack(raw)
    except (binascii.Error, struct.error) as error:
        raise ValueError(f"no key of adb's: {error}") from error
    if size * 4 != _BYTES:
        raise ValueError(f"expected a key of {_BYTES} bytes, found {size * 4}")
    return rsa.RSAPublicNumbers(exponent, int.from_bytes(modulus, "little")).public_key()


def signed_by(key: rsa.RSAPublicKey, token: bytes, signature: bytes) -> bool:
    """Whether the 20-byte token, taken for a SHA-1 digest as adb does, was signed by the key."""
    try:
        key.verify(signature, token, padding.PKCS1v15(), utils.Prehashed(SHA1()))
    except InvalidSignature:
        return False
    return True
