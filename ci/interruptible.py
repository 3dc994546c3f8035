"""Runs a module as `python -m` does, with SIGTERM as good as Ctrl-C: `interruptible.py pytest --on local`.

Jenkins and GitLab end each process of a cancelled job by SIGTERM, of which Python would die with its devices leased.
"""

import runpy
import signal
import sys

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("expected a module: interruptible.py pytest ...")
    # a shell has what it runs in the background ignore SIGINT
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    del sys.argv[0]
    sys.path[0] = ""
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
