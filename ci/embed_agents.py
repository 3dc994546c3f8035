"""Puts prebuilt agents into the tree, for a wheel whose users need no compiler: `python ci/embed_agents.py`."""

import sys

from ontarget.harness.agent import build
from ontarget.harness.metrics import reference
from ontarget.harness.programs import running

if __name__ == "__main__":
    for path in build.embed([reference.SOURCE, running.SOURCE]):
        sys.stdout.write(f"{path.relative_to(build.PREBUILT)}\n")
