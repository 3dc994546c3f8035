"""Proves to a server who we are, by keys only."""

from collections.abc import Iterator
from io import StringIO

import paramiko

from ontarget.harness.errors import AuthenticationFailed, MissingFile
from ontarget.harness.transports.credential import Credential
from ontarget.harness.transports.ssh.errors import reason
from ontarget.harness.transports.ssh.hostkeys import fingerprint
from ontarget.harness.transports.ssh.targets import Target


def authenticate(
    connection: paramiko.Transport, target: Target, device: str, credential: Credential | None = None
) -> None:
    """Offer the credential and no other, else the target's keys and the agent's, in turn.

    Raises AuthenticationFailed, MissingFile, ConnectionLost.
    """
    tried: list[str] = []
    allowed = "publickey"
    for label, key in _keys(target, device, tried) if credential is None else [_certified(credential)]:
        tried.append(label)
        try:
            further = connection.auth_publickey(target.user, key)
        except paramiko.BadAuthenticationType as error:
            allowed = ", ".join(error.allowed_types)
            tried.append("no key at all: the server takes none")
            break
        except paramiko.AuthenticationException as error:
            if not connection.is_active():  # it has hung up: too many keys for it, or something else is wrong
                tried.append(f"then the server hung up: {reason(error)}")
                break
            continue
        if not further:
            return
        allowed = ", ".join(further)
        tried.append(f"{label} was taken, and the server wants a second proof, which is not supported")
        break
    if credential is not None:
        raise AuthenticationFailed(
            f"{target.host} port {target.port} did not let {target.user!r} in by {tried[0]}, which is all that was "
            "offered. Expected a server that trusts the farm's authority and lets that principal in (`ontarget farm ca "
            "show`), with a clock that is right: a certificate ends with its lease",
            device=device,
        )
    raise AuthenticationFailed(
        f"{target.host} port {target.port} let {target.user!r} in by none of these: "
        f"{'; '.join(tried) or 'no key found'}. "
        f"The server takes: {allowed}. Expected a key that it knows: `ssh-copy-id -p {target.port} "
        f"{target.user}@{target.host}`, or name the right one as `identity`",
        device=device,
    )


def _certified(credential: Credential) -> tuple[str, paramiko.PKey]:
    key = paramiko.Ed25519Key.from_private_key(StringIO(credential.private_key))
    key.load_certificate(credential.certificate)
    return credential.told, key


def _keys(target: Target, device: str, notes: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    """Keys with a name for each; why a key cannot be used is added to `notes`."""
    ask_agent = target.use_agent
    for path in target.identities:
        if not path.is_file():
            if target.required:
                raise MissingFile(f"expected the private key of {target.user}@{target.host} in {path}", device=device)
            continue
        try:
            key = paramiko.PKey.from_path(str(path))
        except (paramiko.PasswordRequiredException, TypeError):  # cryptography says so by a TypeError
            notes.append(f"{path} is locked by a passphrase (add it to ssh-agent)")
            ask_agent = True
        except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, OSError) as error:
            notes.append(f"{path} cannot be read: {reason(error)}")
        else:
            yield f"{path} ({fingerprint(key)})", key
    if ask_agent:
        yield from _agent_keys(notes)


def _agent_keys(notes: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError) as error:
        notes.append(f"ssh-agent does not answer: {reason(error)}")
        return
    try:
        for key in agent.get_keys():
            yield f"{key.comment or 'a key'} of ssh-agent ({fingerprint(key)})", key
    finally:
        agent.close()
