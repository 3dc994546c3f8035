"""Whether a server is the one that it should be."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import paramiko

from ontarget.harness.errors import HostKeyRefused
from ontarget.harness.transports.ssh.targets import Target


def fingerprint(key: paramiko.PKey) -> str:
    """`SHA256:...`, as ssh-keygen -l prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def known_keys(target: Target) -> dict[str, paramiko.PKey]:
    """The keys that the known_hosts files hold for the server, by key type; the first file that has a type decides."""
    found: dict[str, paramiko.PKey] = {}
    for path in target.known_hosts:
        if path.is_file():
            entries = paramiko.HostKeys(str(path)).lookup(target.known_hosts_name)
            for kind in entries or ():
                found.setdefault(kind, entries[kind])  # type: ignore[index]  # not None: the loop ran
    return found


def preferred_types(known: Iterable[str], offered: Sequence[str]) -> list[str]:
    """The server's key types to ask for, those first whose key is known: a server may have several keys."""
    wanted = {name for kind in known for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))}
    return sorted(offered, key=lambda kind: kind not in wanted)


def check(
    shown: paramiko.PKey, target: Target, *, device: str, expected: str | None, known: dict[str, paramiko.PKey]
) -> None:
    """Raise HostKeyRefused unless the shown key is `expected` (a fingerprint) or, without one, is known."""
    found = fingerprint(shown)
    if expected is not None:
        if found != expected:
            raise HostKeyRefused(
                f"{_place(target)} showed the {shown.get_name()} host key {found}, expected {expected} as its entry "
                f"says. If the device was set up anew, compare with `{_scan(target)}` and change host_key",
                device=device,
            )
        return
    if not known:
        raise HostKeyRefused(
            f"{_place(target)} showed the {shown.get_name()} host key {found}, expected a known one, and "
            f"{_files(target.known_hosts)} hold none for {target.known_hosts_name}. Compare with `{_scan(target)}` as "
            "seen by somebody who knows the device, then give it as host_key, or connect once with ssh",
            device=device,
        )
    right = known.get(shown.get_name())
    if right is None or right.asbytes() != shown.asbytes():
        wanted = ", ".join(f"{kind} {fingerprint(key)}" for kind, key in sorted(known.items()))
        raise HostKeyRefused(
            f"{_place(target)} showed the {shown.get_name()} host key {found}, expected {wanted} as "
            f"{_files(target.known_hosts)} say. If the device was set up anew: "
            f"`ssh-keygen -R '{target.known_hosts_name}'`, then connect once with ssh",
            device=device,
        )


def _place(target: Target) -> str:
    return f"{target.host} port {target.port}"


def _scan(target: Target) -> str:
    return f"ssh-keyscan -p {target.port} {target.host} | ssh-keygen -lf -"


def _files(paths: Sequence[Path]) -> str:
    return " and ".join(str(path) for path in paths) or "no files"
