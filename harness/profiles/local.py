"""This machine: as any Linux device, but never started again."""

from typing import Final

from ontarget.harness.steadying import cpufreq
from ontarget.harness.steadying.profile import BoardProfile

PROFILE: Final = BoardProfile(
    name="local",
    probe=lambda info: info.kind == "local",
    rank=3,
    knobs=cpufreq.knobs,
    planning=cpufreq.planning,
    plan=cpufreq.steady,
)
