"""Devices, leases, the queue, and the audit log. Times are seconds since 1970 by the database's clock."""

import secrets
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up in columns of that type only
_SQLITE_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_FREE = "state = 'available' AND lease IS NULL AND promised IS NULL"


def upgrade() -> None:
    old = sa.inspect(op.get_bind()).has_table("ontarget_store")
    if old:
        _set_aside()
    _make_tables()
    if op.get_bind().dialect.name == "postgresql":
        # by the driver itself: nobody is to look for parameters in it
        op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
    if old:
        _carry_over()
    else:
        now = (
            "ontarget_now()"
            if op.get_bind().dialect.name == "postgresql"
            else "(julianday('now') - 2440587.5) * 86400.0"
        )
        store_id = secrets.token_hex(16)
        op.execute(f"INSERT INTO ontarget_store (store_id, created, token, place) VALUES ('{store_id}', {now}, 0, 0)")


def _make_tables() -> None:
    op.create_table(
        "ontarget_store",
        sa.Column("store_id", sa.String(32), primary_key=True),
        sa.Column("created", sa.Float, nullable=False),
        # the last token and the last place in the queue that were given out
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "device",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("connect", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("facts", sa.Text, nullable=False),  # JSON
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("author", sa.String),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("lease", sa.String(32)),
        # a free device that is kept for somebody in the queue, and for which of the wants
        sa.Column("promised", sa.String(64)),
        sa.Column("promised_want", sa.Integer),
        # how much depends on it: those that are asked for least are given out first
        sa.Column("demand", sa.Float, nullable=False),
        # leases since the last health check, and when that was
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("checked", sa.Float),
    )
    free = sa.text(_FREE)
    op.create_index("device_free", "device", ["demand", "name"], sqlite_where=free, postgresql_where=free)
    kept = sa.text("promised IS NOT NULL")
    op.create_index("device_promised", "device", ["promised"], sqlite_where=kept, postgresql_where=kept)
    op.create_table(
        "lease",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("device", sa.String, sa.ForeignKey("device.name"), nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False, unique=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("ttl", sa.Float, nullable=False),
        sa.Column("granted", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
        sa.Column("end_reason", sa.String),
    )
    still = sa.text("ended IS NULL")
    # The database itself refuses a second holder.
    op.create_index("one_holder", "lease", ["device"], unique=True, sqlite_where=still, postgresql_where=still)
    op.create_index("lease_expires", "lease", ["expires"], sqlite_where=still, postgresql_where=still)
    op.create_index("lease_ended", "lease", ["ended"])
    op.create_table(
        "waiter",
        sa.Column("ticket_hash", sa.String(64), primary_key=True),
        sa.Column("urgency", sa.Integer, nullable=False),  # smaller goes first: the priority, negated
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("missing", sa.Integer, nullable=False),  # how many of them are not promised yet; -1 sleeps
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("seen", sa.Float, nullable=False, index=True),
    )
    told = sa.text("missing = 0")
    op.create_index("waiter_told", "waiter", ["seen"], sqlite_where=told, postgresql_where=told)
    op.create_table(
        "want",
        sa.Column("ticket_hash", sa.String(64), sa.ForeignKey("waiter.ticket_hash", ondelete="CASCADE")),
        sa.Column("number", sa.Integer),
        sa.Column("pool", sa.String(32), nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("ticket_hash", "number"),
    )
    op.create_index("want_order", "want", ["pool", "urgency", "place"])
    # A set of devices that somebody asked for one of, named by the digest of its names.
    op.create_table(
        "pool",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("used", sa.Float, nullable=False),
    )
    op.create_table(
        "pool_device",
        sa.Column("pool", sa.String(32), sa.ForeignKey("pool.id", ondelete="CASCADE")),
        sa.Column("device", sa.String),
        sa.PrimaryKeyConstraint("pool", "device"),
    )
    op.create_index("pool_device_pools", "pool_device", ["device", "pool"])
    op.create_table(
        "transition",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("device", sa.String, nullable=False, index=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("role", sa.String),  # as whom the author had come to PostgreSQL
        sa.Column("token", sa.BigInteger),
    )


def _set_aside() -> None:
    """Make room: a file that was made before schemas were numbered has tables of these names."""
    op.drop_index("one_holder", "lease")
    op.drop_index("ix_transition_device", "transition")
    for table in ("ontarget_store", "device", "lease", "transition"):
        op.rename_table(table, f"old_{table}")
    op.drop_table("waiter")


def _carry_over() -> None:
    """Who waits asks again; all else stays, so that tokens go on growing."""
    for statement in (
        "INSERT INTO ontarget_store SELECT store_id, created, token, place FROM old_ontarget_store",
        "INSERT INTO device (name, connect, kind, model, facts, state, reason, since, lease, demand, uses) "
        "SELECT name, connect, kind, model, facts, state, reason, since, "
        "(SELECT id FROM old_lease WHERE device = name AND ended IS NULL), 1.0, 0 FROM old_device",
        "INSERT INTO lease SELECT id, secret_hash, device, token, owner, purpose, ttl, granted, expires, ended, "
        "end_reason FROM old_lease",
        "INSERT INTO transition (id, at, device, state, reason, author, token) "
        "SELECT id, at, device, state, reason, author, token FROM old_transition",
    ):
        op.execute(statement)
    for table in ("old_lease", "old_device", "old_transition", "old_ontarget_store"):
        op.drop_table(table)
