"""What has to be known of a device before an agent can be started there: its ABI, and where to put things."""

from collections.abc import Mapping
from dataclasses import dataclass

from ontarget.harness.abi import Abi
from ontarget.harness.errors import AgentError

# The argument is the root asked for, or empty. Prints NAME=VALUE lines, then sha256sum's of the agents that are there.
SCRIPT = r"""
root=$1
android=$(getprop ro.product.cpu.abi 2>/dev/null)
if [ -z "$root" ]; then
  if [ -n "$android" ]; then root=/data/local/tmp/ontarget
  elif [ "$(id -u)" = 0 ]; then root=/var/lib/ontarget
  elif [ -n "$HOME" ] && [ -w "$HOME" ]; then root=$HOME/.cache/ontarget
  else root=/tmp/ontarget-$(id -u)
  fi
fi
echo "root=$root"
echo "android=$android"
echo "machine=$(uname -m)"
echo "class=$(od -An -tu1 -j4 -N1 /bin/sh 2>/dev/null)"
sha256sum "$root"/agent/*/ontarget-agent 2>/dev/null
exit 0
"""


@dataclass(frozen=True)
class Probed:
    """`agents`: the digests of agent programs that lie whole where they belong, <root>/agent/<digest>/."""

    abi: Abi | None
    root: str
    agents: frozenset[str]
    said: str


def parse(output: str) -> Probed:
    """Read what SCRIPT printed. Raises AgentError if it printed something else."""
    values = {}
    agents = set()
    for line in output.splitlines():
        digest, _, path = line.partition("  ")
        if path.endswith(f"/agent/{digest}/ontarget-agent"):
            agents.add(digest)
        else:
            name, _, value = line.partition("=")
            values[name] = value.strip()
    root = values.get("root", "")
    if not root.startswith("/"):
        raise AgentError(f"expected a device's root folder, as an absolute path, found {root!r} in {output!r}")
    return Probed(_abi(values), root.rstrip("/") or "/", frozenset(agents), output)


def _abi(values: Mapping[str, str]) -> Abi | None:
    android = values.get("android")
    if android:
        return Abi(android) if android in set(Abi) else None
    narrow = values.get("class") == "1"  # ELFCLASS32: 32-bit programs on what may be a 64-bit kernel
    machine = values.get("machine", "")
    if machine == "x86_64":
        return None if narrow else Abi.X86_64
    if machine in ("aarch64", "arm64"):
        return Abi.ARMHF if narrow else Abi.AARCH64
    return Abi.ARMHF if machine.startswith(("armv7", "armv8")) else None
