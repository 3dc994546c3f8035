"""Only the server that is meant is talked to."""

import subprocess
from pathlib import Path

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontarget.harness.errors import HostKeyRefused
from ontarget.harness.transports.ssh import SshTransport
from ontarget.harness.transports.ssh.hostkeys import preferred_types
from support.sshd import HOST, Sshd, make_key

TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")


def connect(sshd: Sshd, known_hosts: Path | None = None, host_key: str | None = None) -> SshTransport:
    known = [known_hosts] if known_hosts else []
    return SshTransport.connect(
        "unit-7", sshd.address, host_key=host_key, identity=sshd.key, config=None, known_hosts=known
    )


def works(ssh: SshTransport) -> bool:
    status = ssh.run(["true"]).status
    ssh.close()
    return status == 0


def known_line(sshd: Sshd, key: str) -> str:
    return f"[{HOST}]:{sshd.port} {' '.join(key.split()[:2])}\n"


def test_the_key_of_known_hosts(sshd: Sshd) -> None:
    assert works(connect(sshd, sshd.known_hosts))


def test_a_hashed_entry_of_known_hosts(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(sshd.known_hosts.read_text())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert HOST not in known.read_text()
    assert works(connect(sshd, known))


def test_a_server_of_several_keys_is_asked_for_the_known_one(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(known_line(sshd, (sshd.folder / "host_rsa.pub").read_text()))
    assert works(connect(sshd, known))


def test_the_fingerprint_of_the_inventory(sshd: Sshd) -> None:
    assert works(connect(sshd, host_key=sshd.host_key))


def test_another_fingerprint_than_the_inventory_has(sshd: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    with pytest.raises(HostKeyRefused) as caught:
        connect(sshd, sshd.known_hosts, host_key=other)
    message = str(caught.value)
    assert message.startswith("unit-7: ")
    assert other in message
    assert sshd.host_key in message
    assert f"ssh-keyscan -p {sshd.port} {HOST}" in message


def test_an_unknown_server_is_refused_and_not_remembered(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(f"another-host ssh-ed25519 {(sshd.folder / 'host_ed25519.pub').read_text().split()[1]}\n")
    before = known.read_bytes()
    with pytest.raises(HostKeyRefused) as caught:
        connect(sshd, known)
    message = str(caught.value)
    assert sshd.host_key in message
    assert str(known) in message
    assert f"[{HOST}]:{sshd.port}" in message
    assert known.read_bytes() == before


def test_a_server_whose_key_has_changed(sshd: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    known = tmp_path / "known"
    known.write_text(known_line(sshd, (tmp_path / "other.pub").read_text()))
    with pytest.raises(HostKeyRefused) as caught:
        connect(sshd, known)
    message = str(caught.value)
    assert other in message
    assert sshd.host_key in message
    assert f"ssh-keygen -R '[{HOST}]:{sshd.port}'" in message


@given(st.sets(st.sampled_from(["ssh-rsa", *TYPES])))
def test_known_types_come_first_and_none_is_lost(known: set[str]) -> None:
    order = preferred_types(known, TYPES)
    assert sorted(order) == sorted(TYPES)
    wanted = known | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in known else set())
    ranks = [kind in wanted for kind in order]
    assert ranks == sorted(ranks, reverse=True)


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    from ontarget.harness.transports.ssh.hostkeys import fingerprint

    expected = make_key(tmp_path / "key")
    assert fingerprint(paramiko.PKey.from_path(str(tmp_path / "key"))) == expected
