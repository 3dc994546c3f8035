"""Measures commits by running the test itself: pytest in a process of its own, on a device that it leases."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ontarget.device_farm.bisect.building import tail
from ontarget.device_farm.bisect.channel import Broken, Channel, Measured, Unmeasurable, Wanted
from ontarget.harness.errors import InfraError, UserError
from ontarget.harness.outcomes import Outcome

_BAD: Final = {Outcome.WRONG, Outcome.REGRESSED, Outcome.CRASHED, Outcome.TIMED_OUT}
_BROKEN: Final = {Outcome.INFRA, Outcome.INVALID}
_TO_END: Final = 60.0  # seconds: what a run may take to give its device back
_PYTEST_FAILED, _PYTEST_NO_TESTS = 1, 5


@dataclass(frozen=True)
class Judged:
    """What a run of the test says of a commit's results: whether they are bad, or that it cannot be run."""

    bad: bool
    message: str
    unmeasurable: bool = False


class Measurer:
    """Runs the test against the good end. `close` gives the device back; the next measurement leases it again."""

    def __init__(
        self, words: Sequence[str], good: str, folder: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        """`words` are pytest's, with the test and the device; it is run in `folder`, and its output goes to `log`."""
        self._words = tuple(words)
        self._good = good
        self._folder = folder
        self._log = log
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._results: tempfile.TemporaryDirectory[str] | None = None

    def pairs(self, wanted: Wanted) -> Measured | Unmeasurable:
        """Measure launch pairs. Raises InfraError, UserError where the run cannot measure anything."""
        if self._channel is None:
            self._channel = self._start()
        with suppress(BrokenPipeError):  # the reply tells, by being none
            self._channel.send(wanted)
        reply = self._channel.reply()
        if reply is None:
            raise self._ended()
        if isinstance(reply, Broken):
            self.close()
            raise InfraError(f"{reply.why}. Type the same again to go on from here")
        return reply

    def results(self, commit: str) -> Judged:
        """Run the test for its results alone. Raises InfraError, UserError."""
        self.close()
        with tempfile.TemporaryDirectory() as made, self._log.open("ab") as log:
            results = Path(made) / "results.json"
            words = self._command(commit, results, "results")
            status = subprocess.run(
                words,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
            return self._judged(status, _records(results))

    def close(self) -> None:
        """End the run, so that it gives its device back."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        process, self._process = self._process, None
        if process is not None:
            try:
                process.wait(_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()  # its lease ends by itself
                process.wait()
        results, self._results = self._results, None
        if results is not None:
            results.cleanup()

    def _start(self) -> Channel:
        self._results = tempfile.TemporaryDirectory()
        their_reader, writer = os.pipe()
        reader, their_writer = os.pipe()
        words = self._command(
            self._good, Path(self._results.name) / "results.json", f"pairs:{their_reader},{their_writer}"
        )
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    words,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(their_reader, their_writer),
                )
        finally:
            os.close(their_reader)
            os.close(their_writer)
        return Channel(reader, writer)

    def _command(self, candidate: str, results: Path, bisecting: str) -> list[str]:
        return [
            *(sys.executable, "-m", "pytest", "-q", "-n0", "--color=no", "-p", "no:cacheprovider"),
            *("--no-memory", "--results", str(results), "--bisecting", bisecting),
            *("--candidate", f"commit:{candidate}", "--baseline", f"commit:{self._good}"),
            *self._words,
        ]

    def _ended(self) -> InfraError | UserError:
        """Why the run ended by itself."""
        process, results = self._process, self._results
        if process is None or results is None:
            raise RuntimeError("no run was started")
        status = process.wait()
        records = _records(Path(results.name) / "results.json")
        self.close()
        judged = self._judged(status, records)
        return UserError(
            f"expected the test to compare speed (`latency.compare`) as it measures, but its run ended with status "
            f"{status}: {judged.message}"
        )

    def _judged(self, status: int, records: Sequence[Mapping[str, Any]]) -> Judged:
        """Raises InfraError, UserError for a run that says nothing of the commit."""
        told = {Outcome(record["outcome"]): str(record["message"]) for record in reversed(records)}
        for outcomes, error in (({Outcome.USER_ERROR}, UserError), (_BROKEN, InfraError)):
            for outcome in outcomes & set(told):
                raise error(told[outcome])
        for outcome in sorted(_BAD & set(told)):
            return Judged(True, f"{outcome}: {told[outcome]}")
        if status == _PYTEST_FAILED:
            return Judged(True, f"the test fails:\n{tail(self._log)}")
        if status == _PYTEST_NO_TESTS or status > _PYTEST_NO_TESTS or not (records or status == 0):
            raise UserError(
                f"expected pytest to run the test, it ended with status {status}; {self._log} ends in\n"
                f"{tail(self._log)}"
            )
        if set(told) == {Outcome.NOT_OFFERED}:
            return Judged(False, told[Outcome.NOT_OFFERED], unmeasurable=True)
        return Judged(False, "right")


def _records(results: Path) -> list[Mapping[str, Any]]:
    try:
        found: list[Mapping[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["tests"]
    except FileNotFoundError:
        return []
    return found
