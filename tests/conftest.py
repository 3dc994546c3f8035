"""Fixtures that several areas share."""

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
