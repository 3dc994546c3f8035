"""A key that this process makes and forgets, with a new certificate for each connection."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ontarget.device_farm.certificates.signing import certificate_for
from ontarget.device_farm.inventory import Inventory
from ontarget.device_farm.lease import Lease
from ontarget.device_farm.leases.store import LeaseStore
from ontarget.harness.transports.credential import Credential


class Ephemeral:
    """The credentials of one lease. Called before each connection, as a certificate ends with what is left of it."""

    def __init__(self, inventory: Inventory, store: LeaseStore, lease: Lease) -> None:
        self._inventory = inventory
        self._store = store
        self._lease: Final = lease
        self._key = Ed25519PrivateKey.generate()

    def __call__(self) -> Credential:
        """Raises LeaseLost, UserError, MissingFile, SigningFailed, StoreFailed."""
        public = self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        certificate = certificate_for(self._inventory, self._store, self._lease.secret, public)
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        told = f"the certificate of lease {self._lease.grant.lease}, for principal {self._lease.device.name!r}"
        return Credential(private, certificate, told)
