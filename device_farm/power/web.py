"""Asks relays over HTTP. User and password, where a relay wants them, stand in the user's ~/.netrc, by its host name.

So no password is in a farm file, in a process list or in a message.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import requests
from pydantic import AfterValidator
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from ontarget.harness.errors import AuthenticationFailed, DeadlineExceeded, InfraError

_SECONDS: Final = 10.0
_MOST: Final = 1 << 16


def _is_place(host: str) -> str:
    if not host or any(sign in host for sign in "/?#@ "):
        raise ValueError(f"expected HOST or HOST:PORT, is {host!r}")
    return host


Host = Annotated[str, AfterValidator(_is_place)]


def credentials(host: str) -> tuple[str, str] | None:
    """User and password for a relay, None where ~/.netrc names none for it."""
    return requests.utils.get_netrc_auth(f"http://{host}/")


def ask(
    device: str, host: str, path: str, query: Mapping[str, str] | None = None, *, digest: bool = False
) -> Mapping[str, Any]:
    """GET `path` of a relay; return the JSON object that it answers. `digest`: how it wants a password proved.

    Raises AuthenticationFailed, DeadlineExceeded, InfraError.
    """
    place = f"http://{host}{path}"
    known = credentials(host)
    proof: AuthBase | None = None
    if known is not None:
        proof = HTTPDigestAuth(*known) if digest else HTTPBasicAuth(*known)
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the web has no way to a relay
            answer = session.get(place, params=query, auth=proof, timeout=_SECONDS, allow_redirects=False)
            content = answer.content[:_MOST]
    except requests.Timeout as error:
        raise DeadlineExceeded(
            f"its power relay {place} did not answer within {_SECONDS:g} s", device=device
        ) from error
    except requests.RequestException as error:
        kind = type(error).__name__  # its words may hold the whole address, and with it a password
        raise InfraError(f"its power relay {place} cannot be reached ({kind}): is it on?", device=device) from error
    if answer.status_code in (401, 403):
        raise AuthenticationFailed(
            f"its power relay {place} wants a password, or another one (status {answer.status_code}): give it in "
            f"~/.netrc, as `machine {host.partition(':')[0]} login USER password ...`",
            device=device,
        )
    if answer.status_code != 200:
        raise InfraError(f"its power relay {place} answered with status {answer.status_code}", device=device)
    try:
        found = answer.json()
    except ValueError as error:
        raise InfraError(
            f"expected JSON from its power relay {place}, found {content[:80]!r}", device=device
        ) from error
    if not isinstance(found, dict):
        raise InfraError(f"expected a JSON object from its power relay {place}, found {content[:80]!r}", device=device)
    return found
