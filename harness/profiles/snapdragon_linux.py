"""A Snapdragon kit under Linux: no fan, so that its clocks are capped where it can hold them."""

from typing import Final

from ontarget.harness.steadying import cpufreq
from ontarget.harness.steadying.profile import BoardProfile

PROFILE: Final = BoardProfile(
    name="snapdragon-linux",
    probe=lambda info: info.kind != "phone" and (info.capabilities.soc or "").startswith("qcom,"),
    rank=2,
    knobs=cpufreq.knobs,
    planning=cpufreq.planning,
    plan=cpufreq.steady_below_top,
    cool_c=60.0,
    reboot=("reboot",),
)
