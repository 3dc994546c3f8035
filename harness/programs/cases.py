"""The cases of a program on a device: listed, and run so that a crash costs one of them."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ontarget.harness.errors import Exited, NotOffered, OntargetError, ProductError
from ontarget.harness.programs.formats import Format
from ontarget.harness.programs.results import BadOutput, Case, CaseFailed, CaseResult, Output, State
from ontarget.harness.programs.running import DEADLINE, Program, Ran, run

Runner = Callable[[Sequence[str], float], Ran]
"""Runs a program with these arguments, for at most so many seconds."""


@dataclass(frozen=True)
class Suite:
    """How a program's cases are run: its format, the arguments of every run, and the `deadline` of a case (seconds)."""

    format: Format
    arguments: tuple[str, ...] = ()
    deadline: float = DEADLINE

    def list(self, runner: Runner, device: str) -> list[Case]:
        """The program's cases; of one that cannot list them those of a whole run.

        Raises what the program ends in (Crashed, Exited, TimedOut), BadOutput.
        """
        form = self.format
        ran = runner((*self.arguments, *(form.listing or ())), self.deadline)
        failure = ran.failure(device, self.deadline)
        if failure is not None:
            raise failure
        found = form.cases(ran.output) if form.cases is not None else [Case(one.name) for one in form.parse(ran.output)]
        if not found:
            raise BadOutput(f"expected cases from `{shlex.join(ran.argv)}`, found none{ran.said()}", device=device)
        return found

    def run(self, runner: Runner, names: Sequence[str], device: str) -> dict[str, CaseResult | OntargetError]:
        """What became of these cases, run together in one process; by themselves where that one did not come through.

        So a crash, an exit or a hang is told of the case that it happened in, and costs no other.
        """
        deadline = self.deadline * len(names)
        ran = runner((*self.arguments, *self.format.select(names)), deadline)
        failure = ran.failure(device, deadline)
        found = self._told(ran.output, failure, device)
        if isinstance(failure, Exited) and any(one.state is State.FAILED for one in found.values()):
            failure = None  # a failed case is what the status tells
        if failure is None:
            return {name: found.get(name) or _not_run(name, ran, device) for name in names}
        if len(names) == 1:
            return {names[0]: failure}
        # what a process that ended badly said of its cases may be a consequence
        return {name: self.run(runner, [name], device)[name] for name in names}

    def _told(self, output: Output, failure: ProductError | None, device: str) -> dict[str, CaseResult]:
        try:
            return {result.name: result for result in self.format.parse(output)}
        except BadOutput as error:
            if failure is None:
                raise BadOutput(str(error), device=device) from error
            return {}  # it ended before it could say


def _not_run(name: str, ran: Ran, device: str) -> NotOffered:
    return NotOffered(f"`{shlex.join(ran.argv)}` ran no case {name}", device=device)


def runner_of(program: Program, cores: Sequence[int] = ()) -> Runner:
    """Runs the program on its device."""
    return lambda arguments, deadline: run(program, arguments, deadline=deadline, cores=cores)


def sound(found: CaseResult | OntargetError, device: str) -> CaseResult:
    """The result of a case that came through.

    Raises what it ended in: NotOffered where it was skipped or is disabled, CaseFailed where it failed, and errors.
    """
    if isinstance(found, OntargetError):
        raise found
    if found.state in (State.SKIPPED, State.DISABLED):
        raise NotOffered(f"{found.name} is {found.state}: {found.message or 'the program says no more'}", device=device)
    if found.state is State.FAILED:
        said = "; ".join(line.strip() for line in found.message.splitlines())
        raise CaseFailed(f"{found.name} failed: {said}", device=device)
    return found
