"""Figures, measured side by side in one run: `python -m benchmarks`."""

import sys
from pathlib import Path

# Servers and clients that the tests start are what is measured here, too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
