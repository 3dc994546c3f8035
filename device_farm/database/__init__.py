"""The database that a farm's processes share: SQLite for one machine, PostgreSQL for many."""

from ontarget.device_farm.database.database import Database
from ontarget.device_farm.database.opening import open_database

__all__ = ["Database", "open_database"]
