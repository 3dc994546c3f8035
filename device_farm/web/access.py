"""Who may look: on this machine everybody, by the name of this machine; from elsewhere those who know the token.

The token comes by a form, which is answered by a cookie that is no token and lapses, or in the header
`Authorization: Bearer TOKEN`, as Prometheus sends it. It is never in an address, a log or a page.
"""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ontarget.device_farm.errors import TokenNeeded
from ontarget.harness.errors import MissingFile

TOKEN_VARIABLE: Final = "ONTARGET_SERVE_TOKEN"
COOKIE: Final = "ontarget_session"
SESSION_SECONDS: Final = 7 * 86400
LEAST_LENGTH: Final = 16
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address that is listened on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_token(environment: Mapping[str, str], file: Path | None) -> str | None:
    """The token of a file, else of the environment, else None. Raises MissingFile, TokenNeeded for a short one."""
    if file is not None:
        try:
            token: str | None = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise MissingFile(f"cannot read the token's file {file}: {why}") from error
        where = str(file)
    else:
        token, where = environment.get(TOKEN_VARIABLE), f"${TOKEN_VARIABLE}"
    if token is not None and len(token) < LEAST_LENGTH:
        raise TokenNeeded(
            f"expected a token of {LEAST_LENGTH} characters or more in {where}, found {len(token)}: "
            "`openssl rand -hex 24` makes one"
        )
    return token


def require_token(host: str, token: str | None) -> None:
    """Raises TokenNeeded where others than this machine's users could look without one."""
    if token is None and not is_loopback(host):
        raise TokenNeeded(
            f"expected a token, as {host} is reached from other machines: put one into a file for --token-file or into "
            f"${TOKEN_VARIABLE}, or listen on 127.0.0.1"
        )


@dataclass(frozen=True)
class Access:
    """Decides by what a request brings. `token` is None where only this machine can ask."""

    token: str | None = field(repr=False)
    clock: Callable[[], float] = time.time

    def knows_host(self, host: str) -> bool:
        """Whether the request names this machine: a page of others, whose name leads here, must not read along."""
        if self.token is not None:
            return True  # their browser sends no cookie of ours
        name = host.strip()
        name = name[1 : name.find("]")] if name.startswith("[") else name.partition(":")[0]
        return name.lower() in _LOCAL_NAMES

    def allows(self, authorization: str | None, session: str | None) -> bool:
        if self.token is None:
            return True
        kind, _, given = (authorization or "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(given.strip()):
            return True
        return session is not None and self._in_force(session)

    def is_token(self, given: str) -> bool:
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def new_session(self) -> str:
        """What a cookie holds: until when, signed by the token, so that a new token ends all sessions."""
        until = int(self.clock()) + SESSION_SECONDS
        return f"{until}.{self._signed(until)}"

    def _in_force(self, session: str) -> bool:
        until, _, signature = session.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 20):
            return False
        return hmac.compare_digest(signature.encode(), self._signed(int(until)).encode()) and self.clock() < int(until)

    def _signed(self, until: int) -> str:
        return hmac.new((self.token or "").encode(), f"session until {until}".encode(), hashlib.sha256).hexdigest()
