"""A against A: what a device can tell of a test, and what spoils it.

The candidate is compared with itself, pair after pair, and no answer ends it. What the rules would have said is a false
alarm if it is a slow-down. The differences, centred and with a fair coin for their signs, then stand for "no change";
shifted by a slow-down they say which one the device can tell within the pairs and the time that a test has.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import log1p
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ontarget.harness.device import Clock, DeployedBuild
from ontarget.harness.metrics import instructions
from ontarget.harness.metrics.comparison import Comparison, percent
from ontarget.harness.metrics.evidence import CALIBRATION_PAIRS, Evidence, gather
from ontarget.harness.metrics.latency import Plan, contest_of, described, finished
from ontarget.harness.metrics.pairs import Call, LaunchPair, Prepare, measure_pair, scout
from ontarget.harness.metrics.questions import LATENCY, Question, slower
from ontarget.harness.metrics.steadiness import kind_of
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.bursts import BurstStatistic, spread
from ontarget.harness.statistics.eprocess import EProcess
from ontarget.harness.statistics.estimate import hodges_lehmann
from ontarget.harness.statistics.rules import ALPHA, PASS_ALPHA, Rule

FloatArray = NDArray[np.float64]

PAIRS: Final = 24
SLOW_DOWNS: Final = (0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
FOUND: Final = 0.9
_TESTS: Final = 100
_SEED: Final = 1
_DEVIATION: Final = 1.4826  # a normal's standard deviation by its median absolute one
_TWO_MODES: Final = 3.0  # of their own spread that two groups of differences lie apart
_FEWEST_IN_MODE: Final = 0.15


class Unending:
    """A rule that never answers: all pairs are measured."""

    def __init__(self, budget: int) -> None:
        self.budget = budget

    def look(self, differences: NDArray[Any], *, last: bool = False) -> Answer | None:  # noqa: ARG002 - it has no answer
        return None

    def e_value(self, differences: NDArray[Any]) -> float | None:  # noqa: ARG002
        return None


@dataclass(frozen=True)
class SelfTest:
    """What the device tells of one test. Spreads are standard deviations, robust, as ratios (0.01 is 1 %).

    `answers` is what the rules said of each check, `false_alarms` the checks called slower. `resolution` is the
    smallest slow-down that 9 of 10 tests find within `pairs_in_time` pairs, None if that is more than half as slow
    again; `between` the spread of launch pairs, `within` what of it the bursts of a pair explain. `spoilt_by` is for
    people.
    """

    pairs: int
    seconds: float
    answers: dict[str, str]
    false_alarms: tuple[str, ...]
    resolution: float | None
    pairs_in_time: int
    between: float
    within: float
    spoilt_by: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def in_words(self) -> str:
        """ "resolves 1.5 % in 60 pairs; launches spread by 0.4 %, 24 pairs"."""
        alarms = f"FALSE ALARM of {', '.join(self.false_alarms)}; " if self.false_alarms else ""
        told = f"resolves {percent(self.resolution)}" if self.resolution is not None else "resolves no slow-down"
        spoilt = "".join(f"; {reason}" for reason in self.spoilt_by)
        spread_ = f"launch pairs spread by {percent(self.between)} ({self.pairs} measured)"
        return f"{alarms}{told} in {self.pairs_in_time} pairs; {spread_}{spoilt}"


def against_itself(
    call: Call,
    candidate: DeployedBuild,
    *,
    plan: Plan,
    rng: np.random.Generator,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    prepare: Prepare | None = None,
    told: Callable[[Evidence], None] = lambda _: None,
) -> tuple[Comparison, SelfTest]:
    """Measure `call` in launch pairs of the candidate and itself, within the plan's seconds; arguments as `compare`.

    On a device whose clock counts instructions there is one pair, as ever. Raises UntimedDevice, what the candidate's
    code ends in, InfraError.
    """
    candidate.device.require_timing()
    contest = contest_of(call, candidate, candidate, plan, prepare)
    started = clock()
    if candidate.device.info.clock is Clock.INSTRUCTIONS:
        counted = described(instructions.compare(contest), contest, plan)
        return counted, _counted(counted, clock() - started)
    calls = scout(contest, pair_seconds=plan.pair_seconds)
    rule = Unending(min(PAIRS, plan.pairs))
    evidence = gather(
        lambda: measure_pair(contest, calls, rng),
        Question(LATENCY, slower, rule, rule),
        seconds=plan.seconds,
        clock=clock,
        pause=pause,
        told=told,
    )
    found = finished(contest, plan, calls, evidence)
    judged = judge(found, plan, clock() - started)
    answer = Answer.INVALID if evidence.invalid else Answer(judged.answers[LATENCY])
    verdict = replace(found.verdict, answer=answer)
    message = found.message if evidence.invalid else judged.in_words()
    return replace(found, verdict=verdict, message=message), judged


def _counted(found: Comparison, seconds: float) -> SelfTest:
    """On a clock without noise: what is beyond the exact rule's tolerance is a false alarm."""
    alarm = found.verdict.answer is Answer.REGRESSED
    effect = abs(found.verdict.effect or 0.0)
    return SelfTest(
        pairs=1,
        seconds=seconds,
        answers={found.check: str(found.verdict.answer)},
        false_alarms=(found.check,) if alarm else (),
        resolution=max(instructions.TOLERANCE, effect),
        pairs_in_time=1,
        between=effect,
        within=0.0,
        spoilt_by=(),
    )


def judge(found: Comparison, plan: Plan, seconds: float) -> SelfTest:
    """What the pairs of a build against itself say; they took so many seconds, by a plan as any test has it."""
    main, others = plan.questions()
    statistic = found.statistic or BurstStatistic.MEDIAN
    sound = list(found.sound_pairs)
    answers = {
        question.check: str(
            replay(np.array([question.reading(p, statistic) for p in sound]), question.first, question.second)
        )
        for question in (main, *others)
    }
    d = found.differences()
    within = _within(sound, statistic)
    between = _deviation(d)
    in_time = int(max(0, min(plan.pairs, plan.seconds * max(1, d.size) / max(seconds, 1e-9))))
    return SelfTest(
        pairs=d.size,
        seconds=seconds,
        answers=answers,
        false_alarms=tuple(check for check, answer in answers.items() if answer == Answer.REGRESSED),
        resolution=resolution(d, in_time, smallest_effect=plan.smallest_effect),
        pairs_in_time=in_time,
        between=between,
        within=within,
        spoilt_by=tuple(_spoilt(found.pairs, d, between, within)),
    )


def replay(differences: FloatArray, first: Rule, second: Rule) -> Answer:
    """What the rules say of these pairs [n], one after the other, a suspect confirmed by those that follow."""
    for count in range(CALIBRATION_PAIRS, differences.size + 1):
        answer = first.look(differences[:count])
        if answer is Answer.REGRESSED:
            for later in range(count + 1, differences.size + 1):
                fresh = second.look(differences[count:later])
                if fresh is not None:
                    return fresh if fresh is Answer.REGRESSED else Answer.INCONCLUSIVE
            return Answer.INCONCLUSIVE
        if answer is not None:
            return answer
    return Answer.INCONCLUSIVE


def resolution(differences: FloatArray, pairs: int, *, smallest_effect: float = 0.0) -> float | None:
    """The smallest slow-down (a ratio - 1) that 9 of 10 tests with it as their target call regressed in so many pairs.

    `differences` [n] are of identical builds; each test draws from them, with a coin for each sign. None if there is
    none in SLOW_DOWNS.
    """
    if differences.size == 0 or pairs == 0:
        return None
    rng = np.random.default_rng(_SEED)
    noise = rng.choice(differences - np.median(differences), (_TESTS, pairs)) * rng.choice((-1.0, 1.0), (_TESTS, pairs))
    for slow_down in SLOW_DOWNS:
        if slow_down > smallest_effect and _share_found(noise + log1p(slow_down), slow_down, smallest_effect) >= FOUND:
            return slow_down
    return None


def _share_found(d: FloatArray, slow_down: float, smallest_effect: float) -> float:
    """The share of the tests d [tests, pairs] that end as regressed: that boundary comes first, and it matters."""
    target = log1p(slow_down)
    slower = EProcess(target).values(d) >= 1 / ALPHA
    passed = EProcess(target).values(target - d) >= 1 / PASS_ALPHA
    slower[:, : CALIBRATION_PAIRS - 1] = passed[:, : CALIBRATION_PAIRS - 1] = False
    found = 0
    for test in range(len(d)):
        at = int(np.argmax(slower[test])) if slower[test].any() else None
        before = passed[test, :at].any()
        found += at is not None and not before and _matters(d[test], at, smallest_effect)
    return found / len(d)


def _matters(d: FloatArray, at: int, smallest_effect: float) -> bool:
    """Whether the interval lies beyond what is too small to matter, by then or with the rest of the pairs."""
    return any(hodges_lehmann(d[:count]).above(log1p(smallest_effect)) for count in {at + 1, d.size})


def _within(sound: Sequence[LaunchPair], statistic: BurstStatistic) -> float:
    """The spread that a pair's d would have if its bursts were all that varies."""
    if not sound:
        return 0.0
    errors = [
        _DEVIATION * spread(*pair.in_order(), statistic) / np.sqrt(2 * len(pair.in_order()[0]) - 1) for pair in sound
    ]
    return float(np.median(errors))


def _deviation(d: FloatArray) -> float:
    return float(_DEVIATION * np.median(np.abs(d - np.median(d)))) if d.size else 0.0


def _spoilt(pairs: Sequence[LaunchPair], d: FloatArray, between: float, within: float) -> list[str]:
    flaws = Counter(kind_of(pair.flaw) for pair in pairs if pair.flaw is not None)
    found = [f"{count} of {len(pairs)} pairs measured again: {flaw}" for flaw, count in flaws.most_common(3)]
    if apart := modes(d):
        found.append(f"launches come in two kinds, {100 * apart:.1f} % apart")
    elif between > 0.003 and between > 3 * within:
        found.append(f"launches differ by {100 * between:.1f} %, their bursts by {100 * within:.1f} %")
    elif within > 0.005:
        found.append(f"bursts within a launch differ: {100 * within:.1f} % of each pair's difference")
    loads = [pair.before.load for pair in pairs if pair.before.load is not None]
    if loads and np.median(loads) > 1.5:
        found.append(f"other programs run: load {np.median(loads):.1f}")
    return found


def modes(d: FloatArray) -> float | None:
    """How far apart two groups of the differences' sizes lie (log units), None if they are one group.

    The best cut of the sorted sizes |d| in two; real groups hold 15 % each at least, and lie three times farther apart
    than they are wide.
    """
    sizes = np.sort(np.abs(d - np.median(d)))
    least = max(3, int(np.ceil(_FEWEST_IN_MODE * sizes.size)))
    if sizes.size < 2 * least:
        return None
    cuts = range(least, sizes.size - least + 1)
    gap, cut = max((sizes[cut] - sizes[cut - 1], cut) for cut in cuts)
    widths = max(float(np.std(sizes[:cut])), float(np.std(sizes[cut:])), 1e-6)
    apart = float(np.mean(sizes[cut:]) - np.mean(sizes[:cut]))
    return apart if gap > 0 and apart > _TWO_MODES * widths else None
