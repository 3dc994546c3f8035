"""Certificates that end with their lease, at a real sshd that trusts the farm's authority and holds no key of ours."""

import getpass
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from ontarget.device_farm.certificates import authority, signing
from ontarget.device_farm.certificates.authority import Terms
from ontarget.device_farm.certificates.ephemeral import Ephemeral
from ontarget.device_farm.cli.main import exit_status, ontarget
from ontarget.device_farm.errors import BadInventory, LeaseLost, NoSuchLease, SigningFailed
from ontarget.device_farm.farm import Farm
from ontarget.device_farm.inventory import load
from ontarget.harness.errors import AuthenticationFailed, MissingFile, OntargetError, UserError
from ontarget.harness.transports.credential import Credential
from ontarget.harness.transports.ssh import SshTransport
from support.sshd import HOST, Sshd, make_key, running_sshd

NAME = "pi4-03"
OTHER = "pi4-04"


@dataclass(frozen=True)
class Lab:
    """A farm file with an authority, and the server of its device."""

    server: Sshd
    farm: Path
    key: Path

    def connect(self, credential: Credential) -> SshTransport:
        return SshTransport.connect(
            NAME, self.server.address, host_key=self.server.host_key, config=None, credential=lambda: credential
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    public = authority.make(folder / "farm-ca")
    (folder / "ca.pub").write_text(f"{public}\n")
    (folder / "principals").write_text(f"{NAME}\n")
    extra = f"TrustedUserCAKeys {folder}/ca.pub\nAuthorizedPrincipalsFile {folder}/principals\n"
    with running_sshd(folder / "sshd", extra=extra) as server:
        (server.folder / "authorized_keys").write_text("")
        farm = folder / "farm.toml"
        farm.write_text(
            'version = 1\nca = { key = "farm-ca" }\n'
            f'[[device]]\nname = "{NAME}"\nmodel = "m"\nconnect = "ssh:{server.user}@{HOST}:{server.port}"\n'
            f'host_key = "{server.host_key}"\ncertificate = true\n'
            f'[[device]]\nname = "{OTHER}"\nmodel = "m"\nconnect = "ssh:{server.user}@{HOST}:{server.port}"\n'
            f'host_key = "{server.host_key}"\ncertificate = true\n'
        )
        yield Lab(server, farm, folder / "farm-ca")


@pytest.fixture
def farm(lab: Lab) -> Iterator[Farm]:
    with Farm.open(load(lab.farm)) as opened:
        yield opened


def described(certificate: str, folder: Path) -> str:
    """What OpenSSH's own reader makes of it."""
    path = folder / "read-cert.pub"
    path.write_text(certificate)
    return subprocess.run(["ssh-keygen", "-Lf", str(path)], check=True, capture_output=True, text=True).stdout


def test_a_lease_lets_in_without_any_key(farm: Farm, tmp_path: Path) -> None:
    with farm.lease({"name": NAME}, owner="job@ci") as lease:
        transport = farm.prepare(lease).transport()
        assert transport.run(["echo", "in"]).stdout == b"in\n"
        transport.reconnect()
        assert transport.run(["echo", "again"]).stdout == b"again\n"
        transport.close()
        told = described(Ephemeral(farm.inventory, farm._store, lease)().certificate, tmp_path)
    assert "user certificate" in told
    assert f'Key ID: "{lease.grant.lease}"' in told
    assert f"Serial: {lease.token}" in told
    assert told.split("Principals:")[1].split()[0] == NAME
    assert "Critical Options: (none)" in told
    assert told.split("Extensions:")[1].split() == ["permit-port-forwarding", "permit-pty"]
    assert lease.secret not in told


def test_a_lease_of_one_device_opens_no_other(lab: Lab, farm: Farm) -> None:
    with farm.lease({"name": OTHER}) as lease:
        with pytest.raises(AuthenticationFailed, match=rf"^{OTHER}: .*certificate of lease .* for principal '{OTHER}'"):
            farm.prepare(lease).transport()
        with pytest.raises(AuthenticationFailed, match="ontarget farm ca show"):
            lab.connect(Ephemeral(farm.inventory, farm._store, lease)())


def own_certificate(lab: Lab, folder: Path, *, after: float, before: float) -> Credential:
    key = folder / "key"
    make_key(key)
    terms = Terms(NAME, "by hand", 1, after, before)
    return Credential(
        key.read_text(), authority.sign(lab.key, key.with_suffix(".pub").read_text(), terms), "a certificate"
    )


@pytest.mark.parametrize(
    ("after", "before", "good"), [(-60, 60, True), (-120, -1, False), (60, 120, False)], ids=["now", "over", "to come"]
)
def test_a_server_refuses_what_is_over(lab: Lab, tmp_path: Path, after: int, before: int, good: bool) -> None:
    now = time.time()
    credential = own_certificate(lab, tmp_path, after=now + after, before=now + before)
    if good:
        lab.connect(credential).close()
        return
    with pytest.raises(AuthenticationFailed, match=rf"^{NAME}: .*a certificate ends with its lease"):
        lab.connect(credential)


def test_another_authority_is_not_trusted(lab: Lab, tmp_path: Path) -> None:
    authority.make(tmp_path / "mine")
    credential = own_certificate(Lab(lab.server, lab.farm, tmp_path / "mine"), tmp_path, after=0, before=2**40)
    with pytest.raises(AuthenticationFailed):
        lab.connect(credential)


def test_a_lease_that_has_ended_gets_no_certificate(farm: Farm) -> None:
    lease = farm.lease({"name": NAME})
    ask = Ephemeral(farm.inventory, farm._store, lease)
    farm.release(lease.secret)
    with pytest.raises(LeaseLost, match=f"on {NAME} "):
        ask()
    lease.release()
    with pytest.raises(NoSuchLease):
        signing.certificate_for(farm.inventory, farm._store, "f00", "ssh-ed25519 AAAA")


def test_a_signer_elsewhere_holds_the_key(lab: Lab, farm: Farm, tmp_path: Path) -> None:
    """As over SSH with a forced command: the job's own farm file names no key, and it can read none."""
    main = "from ontarget.device_farm.cli.main import main; main()"
    signer = [sys.executable, "-c", main, "farm", "ca", "sign", "--farm", str(lab.farm)]
    text = lab.farm.read_text().replace('ca = { key = "farm-ca" }', f"ca = {{ signer = {json.dumps(signer)} }}")
    (tmp_path / "farm.toml").write_text(text.replace("version = 1", f'version = 1\nstore = "{farm.inventory.store}"'))
    with Farm.open(load(tmp_path / "farm.toml")) as jobs, jobs.lease({"name": NAME}) as lease:
        transport = jobs.prepare(lease).transport()
        assert transport.run(["echo", "in"]).stdout == b"in\n"
        transport.close()
        ask = Ephemeral(jobs.inventory, jobs._store, lease)
        jobs.release(lease.secret)
        with pytest.raises(SigningFailed, match=rf"ended with 1 and no certificate: .*the lease of .* on {NAME}"):
            ask()
    with pytest.raises(SigningFailed, match="`/no/such signer` does not start"):
        signing.ask(["/no/such signer"], "x", "y")


def run(*words: str, stdin: str = "", lease: str | None = None) -> str:
    """What a command prints; it must succeed."""
    environment = {"ONTARGET_LEASE": lease or ""}
    done = CliRunner().invoke(ontarget, ["farm", "ca", *words], input=stdin, env=environment)
    if isinstance(done.exception, OntargetError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_by_hand(lab: Lab, farm: Farm, tmp_path: Path) -> None:
    """`ontarget reserve`, a key of one's own, `ontarget farm ca sign`, and then OpenSSH's client."""
    grant = farm.acquire({"name": NAME}, ttl=120.0)
    make_key(tmp_path / "id")
    certificate = run("sign", str(tmp_path / "id.pub"), "--farm", str(lab.farm), lease=grant.secret)
    (tmp_path / "id-cert.pub").write_text(certificate)
    options = ["-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={lab.server.known_hosts}"]
    said = subprocess.run(
        ["ssh", *options, "-i", str(tmp_path / "id"), "-p", str(lab.server.port), f"{getpass.getuser()}@{HOST}", "id"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.startswith("uid=")
    farm.release(grant.secret)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "farm.toml").write_text('version = 1\nca = { key = "keys/ca" }\n')
    line = run("init")
    assert line.startswith("ssh-ed25519 ")
    assert (tmp_path / "keys/ca").stat().st_mode & 0o777 == 0o600
    assert run("show", NAME) == line
    with pytest.raises(UserError, match="is there already"):
        run("init")
    (tmp_path / "keys/ca").chmod(0o644)
    with pytest.raises(UserError, match=r"may be read by others .*chmod 600"):
        run("show")
    (tmp_path / "keys/ca").unlink()
    with pytest.raises(MissingFile, match="ontarget farm ca init"):
        run("show")
    with pytest.raises(UserError, match="expected two lines, a lease and a public key, found 1"):
        run("sign", stdin="only this\n")
    assert exit_status(SigningFailed("x")) == 3


@pytest.mark.parametrize(
    ("head", "device", "told"),
    [
        (
            "",
            'connect = "ssh:a@b"\ncertificate = true',
            r'farm.toml:6: device "x" wants a certificate, and nobody signs',
        ),
        (
            'ca = { key = "k" }',
            'connect = "local"\ncertificate = true',
            "only a device behind ssh: takes a certificate",
        ),
        ("ca = {}", 'connect = "local"', "it takes one of `key"),
        ('ca = { key = "k", signer = ["x"] }', 'connect = "local"', "it takes one of `key"),
        ('ca = { keys = "k" }', 'connect = "local"', 'unknown key "keys"'),
    ],
)
def test_what_a_farm_file_says_of_certificates(tmp_path: Path, head: str, device: str, told: str) -> None:
    path = tmp_path / "farm.toml"
    path.write_text(f'version = 1\n{head}\n[[device]]\nname = "x"\n{device}\n')
    with pytest.raises(BadInventory, match=told):
        load(path)


def test_no_key_of_the_user_is_offered_beside(lab: Lab, farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that wants certificates gets nothing else: a wrong principal is not made good by a standing key."""
    (lab.server.folder / "authorized_keys").write_bytes((lab.server.folder / "user.pub").read_bytes())
    monkeypatch.setenv("HOME", str(lab.server.folder))
    (lab.server.folder / ".ssh").mkdir(exist_ok=True)
    try:
        (lab.server.folder / ".ssh/id_ed25519").write_bytes(lab.server.key.read_bytes())
        with farm.lease({"name": OTHER}) as lease, pytest.raises(AuthenticationFailed):
            farm.prepare(lease).transport()
    finally:
        (lab.server.folder / "authorized_keys").write_text("")
