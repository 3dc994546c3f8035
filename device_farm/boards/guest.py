"""What runs inside a board: start-up, the console's shell and the SSH server.

The user-mode network (10.0.2.15) reaches nothing outside; only SSH is forwarded into it.
"""

from collections.abc import Sequence

from ontarget.device_farm.boards import cpio
from ontarget.device_farm.boards.keys import BoardKeys

READY = "ontarget board is up"

# The virtio-mmio devices of the machine: network card and entropy, without which key exchange would wait.
MODULES = ("virtio_mmio", "virtio_net", "virtio_rng")

_START_UP = f"""\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,gid=5,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs tmpfs /run
while read -r module; do insmod "$module"; done < /etc/modules
hostname "$(cat /etc/hostname)"
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
echo "{READY}" > /dev/console
"""

# Passwords are refused (-s), and forwarding (-j -k). The console has a shell, as on a board on a desk.
_PROCESSES = """\
::sysinit:/etc/init.d/rcS
::respawn:/usr/sbin/dropbear -F -s -j -k -r /etc/dropbear/host_key
ttyAMA0::respawn:-/bin/sh
::ctrlaltdel:/bin/busybox reboot
"""

_FOLDERS: tuple[str, ...] = (
    *("bin", "dev", "etc", "etc/dropbear", "etc/init.d", "lib", "lib/modules", "proc", "run", "sbin", "sys", "tmp"),
    *("usr", "usr/bin", "usr/lib", "usr/sbin", "var", "var/log"),
)
_ACCOUNTS = b"""\
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""

# Without a width the shell would ask the terminal for it, in escape sequences, at every prompt.
_PROFILE = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
export COLUMNS=500 LINES=24 PS1='root@\\h:\\w# '
cd /root
"""


def system_files(module_paths: Sequence[str]) -> list[cpio.Entry]:
    """Entries that every board has. `module_paths` are relative to the root, in the order of loading."""
    return [
        *(cpio.folder(path) for path in _FOLDERS),
        cpio.folder("root", 0o700),
        cpio.character_device("dev/console", 5, 1),
        cpio.character_device("dev/null", 1, 3, 0o666),
        cpio.link("init", "bin/busybox"),
        cpio.file("etc/init.d/rcS", _START_UP.encode(), 0o755),
        cpio.file("etc/inittab", _PROCESSES.encode()),
        cpio.file("etc/profile", _PROFILE.encode()),
        cpio.file("etc/modules", "".join(f"/{path}\n" for path in module_paths).encode()),
        cpio.file("etc/passwd", _ACCOUNTS),
        cpio.file("etc/group", b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
        cpio.file("etc/shells", b"/bin/sh\n"),
    ]


def board_files(name: str, keys: BoardKeys) -> list[cpio.Entry]:
    """Entries of one board: its name, its host key, and the one key that it lets in."""
    return [
        cpio.file("etc/hostname", f"{name}\n".encode()),
        cpio.file("etc/dropbear/host_key", keys.dropbear_host_key, 0o600),
        cpio.folder("root/.ssh", 0o700),
        cpio.file("root/.ssh/authorized_keys", keys.authorized_key, 0o600),
    ]
