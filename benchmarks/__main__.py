"""Runs every measurement, or those named: `python -m benchmarks [--quick] [calls|deploy|leases ...]`."""

import argparse
import importlib
import sys

NAMES = (
    "bisect",
    "calls",
    "deploy",
    "farm_scale",
    "history",
    "leases",
    "levels",
    "makespan",
    "memory",
    "references",
    "startup",
    "verdicts",
)


def main() -> int:
    """Run the measurements; return 1 if a figure that is to be reached was not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"no measurement named {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    reached = [
        importlib.import_module(f"benchmarks.{name}").main(quick=arguments.quick) for name in arguments.names or NAMES
    ]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
