"""The tables of a SQL store, as the newest migration leaves them. Times are seconds since 1970 by the store's clock."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

metadata = MetaData()

store = Table(
    "ontarget_store",
    metadata,
    Column("store_id", String(32), primary_key=True),
    Column("created", Float, nullable=False),
    # the last token and the last place in the queue that were given out
    Column("token", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
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
    Column("author", String),
    Column("since", Float, nullable=False),
    Column("lease", String(32)),
    # a free device that is kept for somebody in the queue, and for which of the wants
    Column("promised", String(64)),
    Column("promised_want", Integer),
    # how much depends on it: those that are asked for least are given out first
    Column("demand", Float, nullable=False),
    # leases since the last health check, and when that was
    Column("uses", Integer, nullable=False),
    Column("checked", Float),
)

leases = Table(
    "lease",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("device", String, ForeignKey("device.name"), nullable=False),
    Column("token", BigInteger, nullable=False, unique=True),
    Column("owner", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("ttl", Float, nullable=False),
    Column("granted", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("ended", Float),
    Column("end_reason", String),
    Column("waited", Float),  # seconds in the queue
)

waiters = Table(
    "waiter",
    metadata,
    Column("ticket_hash", String(64), primary_key=True),
    Column("urgency", Integer, nullable=False),  # smaller goes first: the priority, negated
    Column("place", BigInteger, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("missing", Integer, nullable=False),  # how many of them are not promised yet; -1 sleeps
    Column("owner", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("seen", Float, nullable=False, index=True),
    Column("since", Float),
)

wants = Table(
    "want",
    metadata,
    Column("ticket_hash", String(64), ForeignKey("waiter.ticket_hash", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("pool", String(32), nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("place", BigInteger, nullable=False),
)

# A set of devices that somebody asked for one of, named by the digest of its names.
pools = Table(
    "pool",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("used", Float, nullable=False),
)

members = Table(
    "pool_device",
    metadata,
    Column("pool", String(32), ForeignKey("pool.id", ondelete="CASCADE"), primary_key=True),
    Column("device", String, primary_key=True),
)

transitions = Table(
    "transition",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Float, nullable=False),
    Column("device", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("author", String, nullable=False),
    Column("role", String),  # as whom the author had come to PostgreSQL
    Column("token", BigInteger),
)
