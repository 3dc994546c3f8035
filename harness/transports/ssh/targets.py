"""Where an address leads, by the user's ssh configuration."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko

from ontarget.harness.errors import BadAddress
from ontarget.harness.transports.address import SshAddress

DEFAULT_CONFIG: Final = Path("~/.ssh/config")
_DEFAULT_KEYS: Final = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_DEFAULT_KNOWN_HOSTS: Final = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
_SSH_PORT: Final = 22


@dataclass(frozen=True)
class Target:
    """A server, ready to be connected to.

    `identities` are private key files to try, those that exist; `required` says that they were asked for by name.
    `jump` is the jump host as `[user@]host[:port]`, several joined by commas, the nearest to us first.
    """

    host: str
    port: int
    user: str
    known_as: str
    identities: tuple[Path, ...]
    required: bool
    use_agent: bool
    known_hosts: tuple[Path, ...]
    jump: str | None

    @property
    def known_hosts_name(self) -> str:
        """How known_hosts files name the server."""
        return self.known_as if self.port == _SSH_PORT else f"[{self.known_as}]:{self.port}"


def resolve(
    address: SshAddress,
    config: paramiko.SSHConfig,
    *,
    identity: Path | None = None,
    jump: str | None = None,
    known_hosts: Sequence[Path] | None = None,
) -> Target:
    """Complete the address from `config`; what is given here goes before what stands there. Raises BadAddress."""
    options = config.lookup(address.host)
    jump = jump or _word(options, "proxyjump")
    proxy = _word(options, "proxycommand")
    if proxy is not None and jump is None:
        raise BadAddress(
            f"{address}: the ssh configuration gives {address.host} the ProxyCommand {proxy!r}, which is not "
            "supported: expected ProxyJump, or `jump` in the inventory"
        )
    port = address.port if address.port is not None else int(_word(options, "port") or _SSH_PORT)
    host = _word(options, "hostname") or address.host
    configured = tuple(Path(path).expanduser() for path in options.get("identityfile", ()))
    identities: tuple[Path, ...]
    if identity is not None:
        identities = (identity.expanduser(),)
    else:
        identities = configured or tuple(Path(path).expanduser() for path in _DEFAULT_KEYS)
    if known_hosts is None:
        named = _word(options, "userknownhostsfile")
        # ssh_config separates file names by spaces, and quotes none that this parser would keep whole.
        known_hosts = [Path(path) for path in (*(named.split() if named else ()), *_DEFAULT_KNOWN_HOSTS)]
    return Target(
        host=host,
        port=port,
        user=address.user or _word(options, "user") or getpass.getuser(),
        known_as=_word(options, "hostkeyalias") or host,
        identities=identities,
        required=identity is not None,
        use_agent=identity is None and not (configured and _word(options, "identitiesonly") == "yes"),
        known_hosts=tuple(path.expanduser() for path in known_hosts),
        jump=jump,
    )


def read_config(path: Path | None) -> paramiko.SSHConfig:
    """The user's ssh configuration; an empty one if there is none, or `path` is None."""
    path = None if path is None else path.expanduser()
    if path is None or not path.is_file():
        return paramiko.SSHConfig()
    return paramiko.SSHConfig.from_path(str(path))


def _word(options: paramiko.SSHConfigDict, name: str) -> str | None:
    value = options.get(name)
    return None if value is None or value.lower() == "none" else str(value)
