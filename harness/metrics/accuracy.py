"""The accuracy check: a build's answer on the device, against a float64 reference and against the baseline's error."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ontarget.harness.agent.process import Bound, Placing, Process
from ontarget.harness.errors import MissingSymbol, NotOffered, ProductError, UserError
from ontarget.harness.metrics.closeness import Closeness, digest_of, measure, why_off, why_regressed
from ontarget.harness.metrics.error_map import ErrorMap, map_differences, map_errors
from ontarget.harness.metrics.memory import Memory, key
from ontarget.harness.metrics.tolerance import Reals, Tolerance, default
from ontarget.harness.outcomes import Outcome

Call = Callable[[Process], Bound]


class Launcher(Protocol):
    """A build on a device, as far as this check uses it (`ontarget.harness.device.DeployedBuild`)."""

    @property
    def label(self) -> str: ...

    @property
    def digest(self) -> str:
        """Names the files: equal for builds that are the same."""
        ...

    def launch(self, *, threads: int = 1) -> Process:
        """A fresh process, in which a binding finds the number of threads to use."""
        ...


@dataclass(frozen=True)
class Recall:
    """What is remembered of builds in one check; `parts` name the test, the device, and what else counts."""

    memory: Memory
    parts: tuple[str | bytes, ...]

    def about(self, result: str, tolerance: str, reference: Reals) -> "Recall":
        return replace(self, parts=(*self.parts, result, tolerance, str(reference.shape), reference.tobytes()))

    def get(self, build: Launcher) -> Closeness | None:
        return self.memory.get(key(build.digest, *self.parts))

    def put(self, build: Launcher, closeness: Closeness) -> None:
        self.memory.put(key(build.digest, *self.parts), closeness)


@dataclass(frozen=True)
class AccuracyResult:
    """What became of the check: PASS, REGRESSED or WRONG, with both sides' errors.

    `baseline` is None where there was none, or where it gave no answer; `baseline_note` then says why. `errors` is
    where the result errs, None for one that passes.
    """

    outcome: Outcome
    message: str
    tolerance: str
    candidate: Closeness
    baseline: Closeness | None
    baseline_note: str
    check: str = "accuracy"
    errors: ErrorMap | None = None

    def to_json(self) -> dict[str, Any]:
        errors = None if self.errors is None else self.errors.to_json()
        return {**asdict(replace(self, errors=None)), "errors": errors}


def check(
    call: Call,
    candidate: Launcher,
    baseline: Launcher | None = None,
    *,
    result: str = "output",
    expected: ArrayLike,
    terms: int | None = None,
    magnitude: ArrayLike | None = None,
    tolerance: Tolerance | None = None,
    repeatable: bool = True,
    deadline: float = 10.0,
    threads: int = 1,
    placing: Placing | None = None,
    recall: Recall | None = None,
) -> AccuracyResult:
    """Run `call` in a fresh process of each build and judge the buffer named `result`.

    `result` is a prototype's parameter or a name that the call gave ("output"). `expected` holds the reference in
    float64, as many elements as the result; for quantised results in units of their grid, unrounded (see WithinLsb).
    `tolerance` rules; without it floats are judged as sums of `terms` products whose absolute values add up to
    `magnitude`, and integers exactly.
    The candidate runs twice on the same inputs, and other bits are WRONG unless `repeatable` is False, or the bound
    call says why they vary (`Bound.varying`). `deadline` (seconds) is for each run, `threads` what a binding is to use.
    `placing` is where the buffers lie that are not told otherwise; a call that writes around them is WRONG.
    `recall` remembers how close builds came, so that a baseline that was judged before is not run again.

    Raises what ends the candidate's process (Crashed, TimedOut, UnexpectedReturn ...), NotOffered, UserError for a
    result that does not fit, and InfraError; a baseline that crashes or lacks the function is noted, not raised.
    """
    reference = np.asarray(expected, dtype=np.float64)
    ready = partial(_ready, call, result=result, threads=threads, placing=placing or Placing())
    with ready(candidate) as (process, bound):
        process.run(bound, deadline=deadline)
        process.collect(bound, deadline=deadline)
        first = process.read(bound.buffers[result])
        again = _again(process, bound, result, first, deadline)
        varies, strays = bound.varies, process.strays()
    if first.size != reference.size:
        raise UserError(
            f"the result {result!r} has {first.size} elements (shape {list(first.shape)}), its reference "
            f"{reference.size} (shape {list(reference.shape)}); give expected values for each element of the result"
        )
    rule = tolerance or default(first.dtype, terms=terms, magnitude=_reals(magnitude))
    ours = measure(first.reshape(reference.shape), reference, rule)
    recall = recall and recall.about(result, rule.describe(), reference)
    if recall is not None and again is None:
        recall.put(candidate, ours)
    theirs, note = _baseline(ready, candidate, baseline, result, reference, rule, ours, deadline, recall)
    outcome, message = Outcome.PASS, f"within {rule.describe()}"
    errors: ErrorMap | None = None
    shaped = first.reshape(reference.shape)
    if not ours.within:
        outcome, message, errors = Outcome.WRONG, why_off(ours, rule), map_errors(shaped, reference, rule)
    elif repeatable and not varies and again is not None:
        outcome, message = Outcome.WRONG, _differs_from_itself(shaped, again)
        errors = map_differences(shaped, again)
    elif theirs is not None and theirs.within and (why := why_regressed(ours, theirs)):
        outcome, message = Outcome.REGRESSED, f"within the tolerance, but less accurate than the baseline: {why}"
        errors = map_errors(shaped, reference, rule)
    if varies and again is not None:
        message += f"; another run gave other bits, as its binding says it may: {varies}"
    if strays:
        message = strays if outcome is Outcome.PASS else f"{message}; {strays}"
        outcome = Outcome.WRONG
    whole = message + (f"; {note}" if note else "")
    return AccuracyResult(outcome, whole, rule.describe(), ours, theirs, note, errors=errors)


@contextmanager
def _ready(
    call: Call, build: Launcher, *, result: str, threads: int, placing: Placing
) -> Iterator[tuple[Process, Bound]]:
    """A fresh process with the call in it, which frees what it made at the end."""
    with closing(build.launch(threads=threads)) as process:
        process.placing = placing
        bound = call(process)
        if result not in bound.buffers:
            raise UserError(
                f"the call has no buffer named {result!r}; it has {sorted(bound.buffers)}: "
                "name it after the prototype's parameter, or by .naming()"
            )
        yield process, bound
        if bound.cleanup is not None:
            process.run(bound.cleanup)


def _again(process: Process, bound: Bound, result: str, first: NDArray[Any], deadline: float) -> NDArray[Any] | None:
    """The result of another run, every buffer as it was before the first; None if its bits are the same."""
    for buffer in set(bound.buffers.values()):  # one may have several names
        if not buffer.is_cell:  # those hold what earlier calls made
            process.reset(buffer)
    process.run(bound, deadline=deadline)
    process.collect(bound, deadline=deadline)
    if process.digest(bound.buffers[result]) == digest_of(first):
        return None
    return process.read(bound.buffers[result])


def _baseline(
    ready: Callable[[Launcher], AbstractContextManager[tuple[Process, Bound]]],
    candidate: Launcher,
    baseline: Launcher | None,
    result: str,
    reference: Reals,
    rule: Tolerance,
    ours: Closeness,
    deadline: float,
    recall: Recall | None,
) -> tuple[Closeness | None, str]:
    """The baseline's closeness, and what is to be said about it."""
    if baseline is None:
        return None, "no baseline"
    if baseline.digest == candidate.digest:  # it would do the same work once more
        return ours, "the baseline is the same build"
    if recall is not None and (known := recall.get(baseline)) is not None:
        return known, "" if known.within else f"the baseline is wrong too: {why_off(known, rule)}"
    try:
        with ready(baseline) as (process, bound):
            process.run(bound, deadline=deadline)
            process.collect(bound, deadline=deadline)
            if process.digest(bound.buffers[result]) == ours.digest:
                return ours, "" if ours.within else "the baseline's result is the same"
            answer = process.read(bound.buffers[result])
    except ProductError as error:
        return None, f"the baseline gave no answer ({error.outcome}): {error}"
    except (NotOffered, MissingSymbol) as error:
        return None, f"the baseline has no such operator: {error}"
    if answer.size != reference.size:
        return None, f"the baseline's result has {answer.size} elements, the reference {reference.size}"
    theirs = measure(answer.reshape(reference.shape), reference, rule)
    return theirs, "" if theirs.within else f"the baseline is wrong too: {why_off(theirs, rule)}"


def _differs_from_itself(first: NDArray[Any], second: NDArray[Any]) -> str:
    again = second.reshape(first.shape)
    differs = (first != again) & ~((first != first) & (again != again))  # a NaN is itself, whatever its bits
    count = int(np.count_nonzero(differs))
    if count == 0:
        return "two runs on the same inputs gave other bits (of NaN or of a zero's sign)"
    place = np.unravel_index(int(np.argmax(differs)), differs.shape)
    return (
        f"two runs on the same inputs differ in {count} of {first.size} elements: first at "
        f"{[int(axis) for axis in place]}, {first[place]!r} and then {again[place]!r}"
    )


def _reals(values: ArrayLike | None) -> Reals | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
