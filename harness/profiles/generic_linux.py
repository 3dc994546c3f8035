"""Any Linux device: clocks, heat and load from sysfs and /proc, the frequency governor where it may be written."""

from typing import Final

from ontarget.harness.steadying import cpufreq
from ontarget.harness.steadying.profile import BoardProfile

PROFILE: Final = BoardProfile(
    name="generic-linux",
    probe=lambda info: info.kind != "phone",
    rank=0,
    knobs=cpufreq.knobs,
    planning=cpufreq.planning,
    plan=cpufreq.steady,
    reboot=("reboot",),
)
