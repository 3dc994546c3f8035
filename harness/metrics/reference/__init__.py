"""The pinned reference kernel: a small C library of ours that a candidate without a baseline is timed in turns with.

A time says little from one session to the next; its ratio to a kernel that never changes, in the same processes' turns,
says what the candidate's code did. The ratio is told per turn of the kernel, so that it does not depend on how many
turns stood against one call.
"""

from dataclasses import asdict, dataclass, replace
from math import log, log2
from pathlib import Path
from typing import Any, Final

import numpy as np

from ontarget.harness.agent.build import shared_object_for
from ontarget.harness.agent.process import Bound, Process
from ontarget.harness.builds import Build
from ontarget.harness.device import DeployedBuild, Device
from ontarget.harness.errors import InfraError
from ontarget.harness.metrics.pairs import (
    BaselineUnusable,
    Contest,
    LaunchPair,
    Side,
    measure_pair,
    planned,
    scout_side,
)
from ontarget.harness.metrics.planning import CallPlan
from ontarget.harness.metrics.steadiness import flaw
from ontarget.harness.statistics.bursts import BurstStatistic

SOURCE: Final = Path(__file__).parent / "ontarget-reference.c"
PROTOTYPES: Final = "uint64_t ontarget_reference(uint32_t turns);"
FUNCTION: Final = "ontarget_reference"
LABEL: Final = "reference"
# Pairs whose conditions broke are measured again, so many times in all.
_MOST_FLAWED = 5
_SCOUT_TURNS: Final = 4096
_MOST_TURNS: Final = 1 << 31


@dataclass(frozen=True)
class Level:
    """How long one call of a build takes, in turns of the reference kernel in the same session.

    `ratios` are log(call's time / one turn's time) by pair; `seconds` is the call's median time; `reference` the
    kernel's digest; `pairs` are all that were measured by `plan`, with flaws and without. Levels of one kernel on one
    device, system and agent can be compared, run by run. Where instructions are counted, `seconds` is their number, and
    stands by itself.
    """

    ratios: tuple[float, ...]
    seconds: float
    reference: str
    pairs: tuple[LaunchPair, ...] = ()
    plan: CallPlan | None = None

    @property
    def value(self) -> float:
        """The median of the log ratios."""
        return float(np.median(self.ratios))

    @property
    def spread(self) -> float:
        """The median absolute deviation of the log ratios; 0 for one pair."""
        return float(np.median(np.abs(np.array(self.ratios) - self.value)))

    def to_json(self) -> dict[str, Any]:
        """Everything, raw samples too, for a file beside the test's report."""
        return {
            "ratios": list(self.ratios),
            "seconds": self.seconds,
            "reference": self.reference,
            "plan": asdict(self.plan) if self.plan is not None else None,
            "pairs": [pair.to_json() for pair in self.pairs],
        }


def reference_on(device: Device) -> DeployedBuild:
    """The reference kernel on the device. Raises AgentError (no compiler for its ABI), DeployFailed, DeviceFull."""
    abi = device.info.abi
    return device.deploy(Build(LABEL, {abi: shared_object_for(abi, SOURCE)}))


def measure_level(
    contest: Contest,
    rng: np.random.Generator,
    *,
    pairs: int,
    pair_seconds: float,
    call_seconds: float | None = None,
) -> Level | None:
    """Time the contest's candidate in turns with the reference kernel, in so many sound launch pairs.

    `call_seconds` is what a call takes, if it is known. Returns None where conditions broke too often. Raises what the
    candidate's code ends in, InfraError.
    """
    try:
        return _measure(contest, rng, pairs, pair_seconds, call_seconds)
    except BaselineUnusable as error:  # it is ours, and no build of theirs
        name = contest.candidate.device.info.name
        raise InfraError(f"the reference kernel does not run: {error}", device=name) from error


def _measure(
    contest: Contest, rng: np.random.Generator, pairs: int, pair_seconds: float, call_seconds: float | None
) -> Level | None:
    kernel = reference_on(contest.candidate.device)
    paired = replace(contest, baseline=kernel)
    call_ns = scout_side(paired, Side.CANDIDATE) if call_seconds is None else call_seconds * 1e9
    turn_ns = scout_side(_with_kernel(paired, _SCOUT_TURNS), Side.BASELINE) / _SCOUT_TURNS
    # A power of two, so that the same number stands against the same call in nearly all runs.
    turns = min(_MOST_TURNS, 2 ** max(0, round(log2(max(1.0, call_ns / turn_ns)))))
    plan = planned(contest, call_ns, pair_seconds)
    measured: list[LaunchPair] = []
    while sum(pair.flaw is None for pair in measured) < pairs:
        pair = measure_pair(_with_kernel(paired, turns), plan, rng)
        measured.append(replace(pair, flaw=flaw(pair.before, pair.after, measured, pair.during)))
        if sum(pair.flaw is not None for pair in measured) >= _MOST_FLAWED:
            return None
    sound = [pair for pair in measured if pair.flaw is None]
    times = np.concatenate([pair.samples[Side.CANDIDATE].reshape(-1) for pair in sound])
    return Level(
        ratios=tuple(pair.difference(BurstStatistic.MEDIAN) + log(turns) for pair in sound),
        seconds=float(np.median(times)) / plan.calls_per_sample * 1e-9,
        reference=kernel.digest,
        pairs=tuple(measured),
        plan=plan,
    )


def _with_kernel(contest: Contest, turns: int) -> Contest:
    """The contest with the kernel's call in the reference's processes, the candidate's as it was."""
    call, prepare = contest.call, contest.prepare

    def either(process: Process) -> Bound:
        return process.bind(PROTOTYPES, FUNCTION, turns) if process.label == LABEL else call(process)

    def prepared(process: Process) -> None:
        if prepare is not None and process.label != LABEL:
            prepare(process)

    return replace(contest, call=either, prepare=prepared)
