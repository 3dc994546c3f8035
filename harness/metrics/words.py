"""How the answer of a comparison is told."""

from ontarget.harness.metrics.comparison import effect_in_words, judged, percent
from ontarget.harness.metrics.evidence import Evidence
from ontarget.harness.metrics.questions import SPREAD
from ontarget.harness.outcomes import Answer
from ontarget.harness.results import Verdict


def latency_message(device: str, target: float, pairs: int, seconds: float, evidence: Evidence) -> str:
    """The answer to the main question of `evidence`, for a target (a ratio - 1) within so many pairs and seconds."""
    verdict = judged(evidence.answer, evidence.differences())
    effect = effect_in_words(verdict)
    fresh = len(evidence.sound) - evidence.suspects
    flaws = [pair.flaw for pair in evidence.pairs if pair.flaw is not None]
    again = f"; {len(flaws)} more measured again ({flaws[-1]})" if flaws else ""
    match verdict.answer:
        case Answer.REGRESSED:
            blind = evidence.pairs[-1].after.unknown() if evidence.pairs else ()
            unseen = (
                f"; {' and '.join(blind)} cannot be read here, so heat is not ruled out as its cause" if blind else ""
            )
            return f"{effect}, {fresh} of them fresh to confirm it{again}{unseen}"
        case Answer.IMPROVED:
            return f"{effect}{again}"
        case Answer.PASS:
            return f"not slower by {percent(target)}: {effect}{again}"
        case Answer.INVALID:
            return (
                f"conditions on {device} broke in {len(flaws)} of {len(evidence.pairs)} pairs, last: {flaws[-1]}. "
                "Let it cool, or look at what else it runs"
            )
    if evidence.main.suspected:
        return f"suspected, but not confirmed by {fresh} fresh pairs: {effect}{again}"
    return f"cannot tell a slow-down of {percent(target)} within {pairs} pairs and {seconds:g} s: {effect}{again}"


def finding_message(check: str, verdict: Verdict, fresh: int) -> str:
    """What the pairs say of the spread or the tail; `fresh` of them came after the suspicion."""
    quantile = "p90" if check == SPREAD else "p99"
    effect = effect_in_words(verdict, more="further above the median", less="closer to the median")
    if verdict.answer is Answer.REGRESSED:
        return f"{quantile} {effect}, {fresh} of them fresh to confirm it"
    if verdict.confirmed is False:
        return f"{quantile} suspected, but not confirmed by {fresh} fresh pairs: {effect}"
    return f"{quantile} {effect}"
