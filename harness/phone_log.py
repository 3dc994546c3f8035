"""What an Android device logged while a test ran: logcat, and the tombstones of processes that crashed.

Tombstones are closed to adb's user `shell` on most phones; their text is then in the log's crash buffer.
"""

import time
from collections.abc import Callable
from typing import Final

from ontarget.harness.errors import InfraError
from ontarget.harness.transports.protocols import CommandRunner
from ontarget.harness.transports.text import Tail

# The phone tells whole seconds; what was a little before is rather shown than missed.
_SLACK_SECONDS: Final = 1.0
_DEADLINE: Final = 20.0
# $1: seconds since 1970 by the phone's clock, with a fraction, as `logcat -T` takes them.
_SCRIPT: Final = """
if ! logcat -d -b main,system,crash -v threadtime -T "$1" 2>&1; then
  echo "[of the log only its crash buffer can be read]"
  logcat -d -b crash -v threadtime -T "$1" 2>&1 || echo "[nor that]"
fi
if ls /data/tombstones >/dev/null 2>&1; then
  for file in /data/tombstones/tombstone_??; do
    [ -r "$file" ] && [ "$(stat -c %Y "$file")" -ge "${1%.*}" ] && echo "[$file]" && cat "$file"
  done
else
  echo "[/data/tombstones is closed to uid $(id -u): what crashed is in the crash buffer above]"
fi
exit 0
"""


class PhoneLog:
    """The log from `mark` on. `clock` is the host's, whose distance to the phone's is measured once."""

    def __init__(self, runner: CommandRunner, clock: Callable[[], float] = time.time) -> None:
        """Raises what the transport raises."""
        self._runner = runner
        self._clock = clock
        self._ahead = self._phone_time() - clock()
        self._since = clock()

    def mark(self) -> None:
        """Begin here. Takes no time on the phone."""
        self._since = self._clock()

    def text(self) -> str:
        """What was logged since the mark, its last 64 KiB; where it can't be had, why. Never raises."""
        since = self._since + self._ahead - _SLACK_SECONDS
        try:
            done = self._runner.run(["sh", "-c", _SCRIPT, "sh", f"{since:.3f}"], deadline=_DEADLINE)
        except InfraError as error:
            return f"[the phone's log cannot be read: {error}]"
        tail = Tail()
        tail.add(done.stdout + done.stderr)
        return tail.text()

    def _phone_time(self) -> float:
        told = self._runner.run(["date", "+%s"]).stdout.strip()
        return float(told) if told.isdigit() else self._clock()
