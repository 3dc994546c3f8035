"""What pages and metrics read without counting a store of millions of comparisons, and how long people wait.

Stores of before get the totals and noise floors of their runs from the comparisons that they keep.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_tables()
    _count_what_is_there()
    op.create_index("run_started", "run", ["started"])
    # few of the many lines of a device are faults
    fault = sa.text("state NOT IN ('available', 'leased')")
    op.create_index("transition_fault", "transition", ["device", "at"], sqlite_where=fault, postgresql_where=fault)
    op.add_column("lease", sa.Column("waited", sa.Float))
    op.add_column("waiter", sa.Column("since", sa.Float))
    if op.get_bind().dialect.name == "postgresql":
        # the functions that ask and grant need not know of it: on SQLite our own code says both
        op.execute("ALTER TABLE waiter ALTER COLUMN since SET DEFAULT ontarget_now()")
        op.execute(
            "CREATE FUNCTION ontarget_waited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "NEW.waited := COALESCE((SELECT NEW.granted - w.since FROM device d JOIN waiter w "
            "ON w.ticket_hash = d.promised WHERE d.name = NEW.device), 0); RETURN NEW; END $$"
        )
        op.execute("CREATE TRIGGER lease_waited BEFORE INSERT ON lease FOR EACH ROW EXECUTE FUNCTION ontarget_waited()")


def _make_tables() -> None:
    op.create_table(
        "run_total",
        sa.Column("run", sa.String(32), sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("outcome", sa.String(16), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "run_result",
        sa.Column("run", sa.String(32), sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("results", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "device_run",
        sa.Column("run", sa.String(32), sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("device", sa.String, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("compared", sa.Integer, nullable=False),
        sa.Column("infra", sa.Integer, nullable=False),
        sa.Column("pairs", sa.Integer, nullable=False),
        sa.Column("flawed", sa.Integer, nullable=False),
        sa.Column("noise", sa.Float),
        sa.Column("temperature_c", sa.Float),
    )
    op.create_index("device_run_series", "device_run", ["device", "at"])
    op.create_table(
        "condition",
        sa.Column("device", sa.String, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("temperature_c", sa.Float),
        sa.Column("cpu_mhz", sa.Float),
        sa.Column("throttled", sa.Boolean),
    )


def _count_what_is_there() -> None:
    op.execute(
        "INSERT INTO run_total (run, model, outcome, count) "
        "SELECT c.run, s.model, c.outcome, count(*) FROM comparison c JOIN subject s ON s.id = c.subject "
        "GROUP BY c.run, s.model, c.outcome"
    )
    op.execute(
        "INSERT INTO device_run (run, device, at, compared, infra, pairs, flawed, noise) "
        "SELECT run, device, max(at), count(*), 0, sum(pairs), sum(flawed), "
        "avg(CASE WHEN place IN ((known + 1) / 2, (known + 2) / 2) THEN spread END) FROM ("
        "SELECT c.run AS run, s.device AS device, c.at AS at, c.pairs AS pairs, c.flawed AS flawed, "
        "c.spread AS spread, count(c.spread) OVER (PARTITION BY c.run, s.device) AS known, "
        "CASE WHEN c.spread IS NULL THEN 0 ELSE row_number() OVER "
        "(PARTITION BY c.run, s.device, c.spread IS NULL ORDER BY c.spread) END AS place "
        "FROM comparison c JOIN subject s ON s.id = c.subject WHERE s.metric = 'latency') x GROUP BY run, device"
    )
