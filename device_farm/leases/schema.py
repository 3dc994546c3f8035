"""The tables of a SQL store. Times are seconds since 1970 by the store's clock."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

SCHEMA = 1
metadata = MetaData()

store = Table(
    "ontarget_store",
    metadata,
    Column("schema", Integer, nullable=False),
    Column("store_id", String(32), nullable=False),
    Column("created", Float, nullable=False),
    # the last token and the last place in the queue that were given out
    Column("token", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    # how often something became free: what those who wait look at
    Column("freed", BigInteger, nullable=False),
)

devices = Table(
    "device",
    metadata,
    Column("name", String, primary_key=True),
    Column("connect", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("model", String),
    Column("facts", Text, nullable=False),  # JSON
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("since", Float, nullable=False),
)

leases = Table(
    "lease",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("device", ForeignKey("device.name"), nullable=False),
    Column("token", BigInteger, nullable=False, unique=True),
    Column("owner", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("ttl", Float, nullable=False),
    Column("granted", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("ended", Float),
    Column("end_reason", String),
)
_open = text("ended IS NULL")
# The database itself refuses a second holder.
Index("one_holder", leases.c.device, unique=True, sqlite_where=_open, postgresql_where=_open)

waiters = Table(
    "waiter",
    metadata,
    Column("ticket", String, primary_key=True),
    Column("place", BigInteger, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("wants", Text, nullable=False),  # JSON
    Column("owner", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("seen", Float, nullable=False),
)

transitions = Table(
    "transition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("device", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("author", String, nullable=False),
    Column("token", BigInteger),
)
