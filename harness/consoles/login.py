"""To a shell over a console: wait for the boot, log in."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ontarget.harness.consoles.kernel_faults import worst
from ontarget.harness.errors import AuthenticationFailed, DeadlineExceeded, KernelFailed
from ontarget.harness.transports.protocols import Console

_PROMPT: Final = rb"[#$>] ?(?:\x1b\[[0-9;?]*[A-Za-z])*$"
_LOGIN: Final = rb"login: ?$"
_PASSWORD: Final = rb"[Pp]assword: ?$"
_REFUSED: Final = rb"(?:Login incorrect|Authentication failure|Access denied)"
_PANIC: Final = rb"Kernel panic - not syncing[^\n]*\n"
_BOOTED: Final = rb"(?:%b)|(?:%b)|(?:%b)" % (_LOGIN, _PROMPT, _PANIC)
_ANY: Final = re.compile(
    rb"(?P<refused>%b)|(?P<login>%b)|(?P<password>%b)|(?P<prompt>%b)" % (_REFUSED, _LOGIN, _PASSWORD, _PROMPT)
)
# How long a line is quiet before it is asked again; a wrong password is answered after three seconds.
_QUIET: Final = 6.0
_INTERRUPT: Final = b"\x03"


@dataclass(frozen=True)
class Login:
    """Who logs in at a console; `password` None where none is asked for."""

    user: str = "root"
    password: str | None = field(default=None, repr=False)


def wait_for_boot(console: Console, *, device: str, deadline: float) -> None:
    """Wait until a console shows a log-in or a shell's prompt. Writes nothing: a key could stop the boot loader.

    Raises KernelFailed if the kernel panics meanwhile, DeadlineExceeded.
    """
    seen = console.expect(_BOOTED, deadline=deadline).decode("utf-8", "replace")
    fault = worst(seen)
    if fault is not None:
        raise KernelFailed(
            f"expected it to boot, its console says: {fault}; see its power and its system", device=device
        )


def log_in(
    console: Console,
    login: Login,
    *,
    device: str,
    deadline: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Get to a shell that answers, logging in where that is asked for; a session that is open already is taken.

    Raises AuthenticationFailed, DeadlineExceeded.
    """
    ends = clock() + deadline
    given = asked_user = False
    console.write(b"\r")
    while (left := ends - clock()) > 0:
        try:
            seen = console.expect(_ANY.pattern, deadline=min(left, _QUIET))
        except DeadlineExceeded:
            console.write(_INTERRUPT + b"\r")  # somebody has left something running there
            continue
        found = _ANY.search(seen)
        what = found.lastgroup if found else None
        if what == "refused" and not given:
            continue  # what somebody had typed before
        if what == "refused" or (what == "login" and given):
            raise AuthenticationFailed(
                f"the console refused {login.user!r}: give the right user and password as `login` in the farm file",
                device=device,
            )
        if what == "login":
            console.write(login.user.encode() + b"\r")
            asked_user = True
        elif what == "password":
            if not asked_user:  # of somebody who left in the midst of logging in
                console.write(b"\r")
                continue
            if login.password is None:
                raise AuthenticationFailed(
                    f"the console wants a password for {login.user!r}: name a file with it as `login = "
                    '{ user = "...", password_file = "..." }` in the farm file',
                    device=device,
                )
            console.write(login.password.encode() + b"\r")
            given = True
        elif _answers(console, min(max(ends - clock(), 0.1), _QUIET)):
            return
    raise DeadlineExceeded(f"expected a log-in or a shell at the console, found none in {deadline:g} s", device=device)


def _answers(console: Console, deadline: float) -> bool:
    """Whether a shell is there: it joins two words, which the terminal's echo does not."""
    first, second = secrets.token_hex(4), secrets.token_hex(4)
    console.write(f"echo {first}''{second}\r".encode())
    try:
        console.expect(f"{first}{second}".encode(), deadline=deadline)
        console.expect(_PROMPT, deadline=deadline)
    except DeadlineExceeded:
        return False
    return True
