"""Reads a device's conditions as its profile says: files in one round trip, commands now and then."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ontarget.harness.conditions import Conditions
from ontarget.harness.steadying.profile import BoardProfile, Command
from ontarget.harness.transports.protocols import CommandRunner

_log = logging.getLogger(__name__)

_DEADLINE: Final = 15.0


@dataclass(frozen=True)
class Moment:
    """Conditions beside a measurement, so many seconds after it began."""

    seconds: float
    conditions: Conditions


class Readings:
    """The conditions of one device. Not thread-safe.

    `read_files` reads files of the device, None for each that there is not; `clock` is in seconds.
    """

    def __init__(
        self,
        profile: BoardProfile,
        cores: int,
        read_files: Callable[[Sequence[str]], Sequence[bytes | None]],
        runner: CommandRunner,
        clock: Callable[[], float],
    ) -> None:
        self._profile = profile
        self._read_files = read_files
        self._runner = runner
        self._clock = clock
        self._paths = list(profile.files(cores))
        self._files: dict[str, bytes | None] = {}
        self._commands = {command.name: command for command in profile.commands}
        self._printed: dict[str, tuple[float, bytes | None]] = {}
        self._last: Conditions | None = None

    def now(self) -> Conditions:
        """What the device is doing. Raises what the transport raises."""
        self._files = dict(zip(self._paths, self._read_files(self._paths), strict=True))
        # what is not there will not come: only what is there is worth reading again
        self._paths = [path for path, data in self._files.items() if data is not None]
        for command in tuple(self._commands.values()):
            self._run_if_due(command)
        return self._parsed({})

    def watched(self, cores: Sequence[int]) -> list[str]:
        """The files to sample beside a measurement on `cores`, once `now` has found which there are."""
        return list(self._profile.watched({path: self._files[path] for path in self._paths}, cores))

    def metered(self) -> list[str]:
        """The files that tell what the device takes, once `now` has found which there are; none without a meter."""
        return list(self._profile.meter({path: self._files[path] for path in self._paths}))

    def moment(self, seconds: float, files: dict[str, bytes | None]) -> Moment:
        """What was sampled, with all else as it was read last."""
        return Moment(seconds, self._parsed(files))

    def _parsed(self, sampled: dict[str, bytes | None]) -> Conditions:
        read = {**self._files, **{name: printed for name, (_, printed) in self._printed.items()}, **sampled}
        self._last = self._profile.read(read, self._last)
        return self._last

    def _run_if_due(self, command: Command) -> None:
        now = self._clock()
        known = self._printed.get(command.name)
        if known is not None and now - known[0] < command.every:
            return
        done = self._runner.run(list(command.argv), deadline=_DEADLINE)
        if done.status != 0 and known is None:
            _log.info("%s cannot be read here: status %d, %r", command.name, done.status, done.stderr[-200:])
            del self._commands[command.name]
            return
        self._printed[command.name] = (now, done.stdout if done.status == 0 else None)
