"""Fixtures that several areas share."""

import signal

from support.boards import boards_home, shared_board
from support.postgresql import postgresql_database, postgresql_server, postgresql_store
from support.stores import clocked_postgresql

__all__ = [
    "boards_home",
    "clocked_postgresql",
    "postgresql_database",
    "postgresql_server",
    "postgresql_store",
    "shared_board",
]

# A shell that starts the tests in the background has them ignore Ctrl-C, and so every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
