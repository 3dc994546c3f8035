"""Fixtures that several areas share."""

from support.boards import boards_home, shared_board

__all__ = ["boards_home", "shared_board"]
