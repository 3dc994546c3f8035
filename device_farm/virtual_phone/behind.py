"""What runs a phone's commands: this machine, this machine in a root of its own, or a virtual board."""

import shlex
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ontarget.device_farm.boards import Board

SHELL_USER: Final = 2000
"""Android's user `shell`, as whom adb's commands run."""

# The folders of this machine that a private root shows, read-only where they could be changed.
_SHOWN: Final = ("usr", "bin", "sbin", "lib", "lib64", "etc", "proc", "sys", "dev")
_MAKE_ROOT: Final = """
root=$1; shift
mount -t tmpfs -o mode=755 tmpfs "$root" || exit 1
for folder; do
  [ -e "/$folder" ] || continue
  mkdir "$root/$folder" && mount --rbind "/$folder" "$root/$folder" || exit 1
done
mkdir -p "$root/data/local/tmp" "$root/system/bin" "$root/tmp" "$root/data/tombstones"
ln -s /bin/sh "$root/system/bin/sh"
chmod 1777 "$root/tmp"; chown 2000:2000 "$root/data/local/tmp"; chmod 771 "$root/data/local/tmp"
chmod 700 "$root/data/tombstones"
mkdir "$root/phone" && mount --bind "$PHONE_TOOLS" "$root/phone" || exit 1
echo ready
cat
"""


@dataclass(frozen=True)
class Behind:
    """`argv` makes of a line for a shell the command that runs it. `abi` is what the phone calls itself."""

    argv: Callable[[str], list[str]]
    abi: str
    tools: str
    uid: int


def this_machine(abi: str, tools: Path) -> Behind:
    """Commands run on this machine as its user, in its own file system."""
    return Behind(lambda line: ["sh", "-c", _with_tools(line, str(tools))], abi, str(tools), -1)


@contextmanager
def private_root(abi: str, tools: Path) -> "Iterator[Behind]":
    """Commands run on this machine as Android's user `shell`, with a /data and a /tmp of the phone's own.

    Needs root, and mount namespaces. Raises RuntimeError where there are none.
    """
    with tempfile.TemporaryDirectory(prefix="ontarget-phone-") as folder:
        holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MAKE_ROOT, "sh", folder, *_SHOWN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PHONE_TOOLS": str(tools)},
        )
        with holder:
            if holder.stdout is None or holder.stderr is None or holder.stdin is None:
                raise RuntimeError("the private root was started without its pipes")
            if holder.stdout.readline() != b"ready\n":
                raise RuntimeError(f"a private root needs root and mount namespaces: {holder.stderr.read().decode()}")
            enter = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "chroot", f"--userspec={SHELL_USER}:{SHELL_USER}"]

            def argv(line: str) -> list[str]:
                return [*enter, folder, "/system/bin/sh", "-c", _with_tools(line, "/phone")]

            try:
                yield Behind(argv, abi, "/phone", SHELL_USER)
            finally:
                holder.stdin.close()


@contextmanager
def on_board(board: "Board", tools: Path) -> "Iterator[Behind]":
    """Commands run on a virtual board, over one SSH connection that all share.

    The board is changed: it gets /data/local/tmp, Android's user `shell`, and the tools.
    """
    with tempfile.TemporaryDirectory(prefix="ontarget-phone-") as folder:
        ssh = _ssh(board, Path(folder))
        archive = subprocess.run(["tar", "-C", str(tools), "-cf", "-", "."], capture_output=True, check=True).stdout
        prepared = subprocess.run([*ssh, _PREPARE_BOARD], input=archive, capture_output=True, check=False)
        if prepared.returncode != 0:
            raise RuntimeError(f"{board.name} cannot be a phone: {prepared.stderr.decode(errors='replace')}")

        def argv(line: str) -> list[str]:
            inner = shlex.join(["sh", "-c", _with_tools(line, "/phone")])
            return [*ssh, f"exec su -s /bin/sh shell -c {shlex.quote('exec ' + inner)}"]

        try:
            yield Behind(argv, "aarch64", "/phone", SHELL_USER)
        finally:
            subprocess.run([*ssh, "-O", "exit"], capture_output=True, check=False)


_PREPARE_BOARD: Final = """set -e
mkdir -p /data/local/tmp /data/tombstones /phone /system/bin
grep -q '^shell:' /etc/passwd || echo 'shell:x:2000:2000:shell:/:/bin/sh' >> /etc/passwd
grep -q '^shell:' /etc/group || echo 'shell:x:2000:' >> /etc/group
chown 2000:2000 /data/local/tmp; chmod 771 /data/local/tmp; chmod 700 /data/tombstones
[ -e /system/bin/sh ] || ln -s /bin/sh /system/bin/sh
tar -C /phone -xf -; chown -R 2000:2000 /phone
"""


def _ssh(board: "Board", folder: Path) -> list[str]:
    known = folder / "known_hosts"
    known.write_text(_host_key(board))
    options = {
        "UserKnownHostsFile": str(known),
        "StrictHostKeyChecking": "yes",
        "ControlMaster": "auto",
        "ControlPath": str(folder / "control"),
        "ControlPersist": "600",
        "LogLevel": "ERROR",
        "IdentitiesOnly": "yes",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", *words, "-i", str(board.identity), "-p", str(board.ssh_port), "root@127.0.0.1"]


def _host_key(board: "Board") -> str:
    """The board's key as known_hosts has it: one whose fingerprint the board's record tells."""
    asked = ["ssh-keyscan", "-T", "60", "-t", "ed25519", "-p", str(board.ssh_port), "127.0.0.1"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    for line in lines:
        told = subprocess.run(["ssh-keygen", "-lf", "-"], input=line, capture_output=True, text=True, check=False)
        if board.host_key in told.stdout.split():
            return line + "\n"
    raise RuntimeError(f"expected {board.name} to have the host key {board.host_key}, found {lines}")


def _with_tools(line: str, tools: str) -> str:
    return f"PATH={shlex.quote(tools)}:$PATH PHONE={shlex.quote(tools)}; export PATH PHONE; cd /; {line}"
