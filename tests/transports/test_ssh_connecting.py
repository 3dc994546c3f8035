"""How an SSH connection is found, made and tuned."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from ontarget.harness.errors import BadAddress
from ontarget.harness.transports.address import SshAddress
from ontarget.harness.transports.ssh import SshTransport
from ontarget.harness.transports.ssh.connection import dial
from ontarget.harness.transports.ssh.targets import Target, resolve
from support.sshd import HOST, Sshd, make_key, running_sshd


@pytest.fixture
def second_sshd(tmp_path: Path) -> Iterator[Sshd]:
    with running_sshd(tmp_path / "second", extra="Ciphers aes256-ctr") as server:
        yield server


def test_aes_gcm_is_preferred(ssh: SshTransport) -> None:
    assert ssh.cipher == "aes128-gcm@openssh.com"


def test_a_server_without_aes_gcm_serves_too(second_sshd: Sshd) -> None:
    ssh = second_sshd.connect("unit-7")
    assert ssh.cipher == "aes256-ctr"
    assert ssh.run(["cat"], stdin=b"x").stdout == b"x"
    ssh.close()


def test_small_packets_are_not_held_back(sshd: Sshd) -> None:
    with dial(HOST, sshd.port, time.monotonic() + 10, "unit-7") as wire:
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000


def test_the_ssh_configuration_completes_an_address(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"Host lab-pi\n  HostName {HOST}\n  Port {sshd.port}\n  User {sshd.user}\n"
        f"  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n"
    )
    ssh = SshTransport.connect("unit-7", SshAddress("lab-pi"), config=config)
    assert ssh.run(["true"]).status == 0
    ssh.close()


@pytest.mark.parametrize("told_by", ["inventory", "configuration"])
def test_a_jump_host_is_gone_through(sshd: Sshd, second_sshd: Sshd, tmp_path: Path, told_by: str) -> None:
    known = tmp_path / "known"
    known.write_text(sshd.known_hosts.read_text() + second_sshd.known_hosts.read_text())
    config = tmp_path / "config"
    jump = f"{sshd.user}@jump"
    config.write_text(
        f"Host jump\n  HostName {HOST}\n  Port {sshd.port}\n  IdentityFile {sshd.key}\n"
        f"Host behind\n  HostName {HOST}\n  Port {second_sshd.port}\n  IdentityFile {second_sshd.key}\n"
        + (f"  ProxyJump {jump}\n" if told_by == "configuration" else "")
    )
    ssh = SshTransport.connect(
        "unit-7",
        SshAddress("behind", second_sshd.user),
        jump=jump if told_by == "inventory" else None,
        config=config,
        known_hosts=[known],
    )
    # The far side sees the jump host's end of the tunnel, and a jump host serves one more connection than before.
    assert ssh.run(["cat"], stdin=b"x" * 100_000).stdout == b"x" * 100_000
    assert ssh.cipher == "aes256-ctr"
    assert len(sshd.sessions()) > 0
    ssh.close()


def test_a_locked_key_is_taken_from_the_agent(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    make_key(locked, passphrase="secret words")
    keys = sshd.folder / "authorized_keys"
    keys.write_text(keys.read_text() + locked.with_suffix(".pub").read_text())
    address = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.PIPE)
    try:
        assert agent.stdout is not None
        agent.stdout.readline()  # it listens by now
        askpass = tmp_path / "askpass"
        askpass.write_text("#!/bin/sh\necho secret words\n")
        askpass.chmod(0o755)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(address), "SSH_ASKPASS": str(askpass)}
        subprocess.run(
            ["ssh-add", str(locked)],
            env={**environment, "SSH_ASKPASS_REQUIRE": "force"},
            check=True,
            capture_output=True,
        )
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
        ssh = SshTransport.connect("unit-7", sshd.address, host_key=sshd.host_key, identity=locked, config=None)
        assert ssh.run(["true"]).status == 0
        ssh.close()
    finally:
        agent.kill()
        agent.wait()


def target_of(text: str, address: SshAddress, **given: str) -> Target:
    return resolve(address, paramiko.SSHConfig.from_text(text), **given)  # type: ignore[arg-type]  # jump alone is given


def test_an_address_goes_before_the_configuration() -> None:
    target = target_of("Host pi\n  HostName 10.0.0.5\n  User other\n  Port 99\n", SshAddress("pi", "me", 2222))
    assert (target.host, target.user, target.port) == ("10.0.0.5", "me", 2222)
    assert target.known_hosts_name == "[10.0.0.5]:2222"


def test_a_jump_of_the_inventory_goes_before_the_configuration() -> None:
    assert target_of("Host pi\n  ProxyJump a\n", SshAddress("pi"), jump="b").jump == "b"
    assert target_of("Host pi\n  ProxyJump a\n", SshAddress("pi")).jump == "a"
    assert target_of("Host pi\n  ProxyJump none\n", SshAddress("pi")).jump is None


def test_a_proxy_command_is_refused_and_not_passed_over() -> None:
    with pytest.raises(BadAddress, match=r"ssh:pi: .*ProxyCommand .*ProxyJump"):
        target_of("Host pi\n  ProxyCommand nc %h %p\n", SshAddress("pi"))


def test_a_broken_configuration_is_named(sshd: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host\n=\n")
    with pytest.raises(BadAddress, match=f"unit-7: .*{config}"):
        SshTransport.connect("unit-7", sshd.address, config=config)
