"""With which rights commands run on a device: as the user who logs in, or as root where that can be had unasked."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ontarget.harness.transports.protocols import CommandRunner

_DEADLINE: Final = 15.0


class Rights(StrEnum):
    """`root`: logged in as it. `sudo`: without a password. `su`: a rooted phone. `shell`: a phone's. `user`: others."""

    ROOT = "root"
    SUDO = "sudo"
    SU = "su"
    SHELL = "shell"
    USER = "user"


@dataclass(frozen=True)
class Access:
    """The rights that were found, and the words before a command that uses them.

    `joined`: what follows the words is one word, a shell's text (Magisk's su).
    """

    rights: Rights
    words: tuple[str, ...] = ()
    joined: bool = False

    @property
    def root(self) -> bool:
        return self.rights in (Rights.ROOT, Rights.SUDO, Rights.SU)

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` with these rights."""
        return [*self.words, shlex.join(argv)] if self.joined else [*self.words, *argv]


# Android's own su takes a user and a command, Magisk's takes a shell's text: each is asked in its own way.
_SU: Final = (Access(Rights.SU, ("su", "0")), Access(Rights.SU, ("su", "-c"), joined=True))
_SUDO: Final = Access(Rights.SUDO, ("sudo", "-n", "--"))


def find(runner: CommandRunner, *, android: bool) -> Access:
    """The most that can be had unasked. Raises what the transport raises."""
    if _is_root(runner, Access(Rights.ROOT)):
        return Access(Rights.ROOT)
    for access in _SU if android else (_SUDO,):
        if _is_root(runner, access):
            return access
    return Access(Rights.SHELL if android else Rights.USER)


def _is_root(runner: CommandRunner, access: Access) -> bool:
    found = runner.run(access.command(["id", "-u"]), deadline=_DEADLINE)
    return found.status == 0 and found.stdout.strip() == b"0"
