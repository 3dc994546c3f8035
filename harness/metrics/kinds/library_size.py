"""The bytes of the library's file, as it lies on the device."""

from pathlib import PurePosixPath
from typing import Final

from ontarget.harness.metrics.metric import Metric, Reading, Unmeasured
from ontarget.harness.metrics.pairs import Contest, Side


def _measure(contest: Contest, side: Side) -> Reading:
    build = contest.build(side)
    path = PurePosixPath(build.files.library)
    size = build.device.session.stat_file(path.parent.name, path.name)
    if size is None:
        raise Unmeasured(f"{path} is no longer on the device")
    return Reading(float(size))


METRIC: Final = Metric(
    "library-size", "bytes", _measure, target=0.01, smallest_effect=0.01, exact=True, more="larger", less="smaller"
)
