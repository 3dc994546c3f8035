"""What was measured, learnt, accepted. Times are seconds since 1970 by the database's clock."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up in columns of that type only


def upgrade() -> None:
    _make_results()
    op.create_table(
        "acceptance",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("test", sa.String, nullable=False, index=True),
        sa.Column("metric", sa.String),
        sa.Column("device", sa.String),
        sa.Column("model", sa.String),
        sa.Column("commit", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("made", sa.Float, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("withdrawn", sa.Float),
        sa.Column("withdrawn_by", sa.String),
        sa.Column("withdrawn_why", sa.Text),
    )
    op.create_table(
        "duration",
        sa.Column("test", sa.String, primary_key=True),
        sa.Column("model", sa.String, primary_key=True),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    # What people decided about results; who held a device is in `transition`.
    op.create_table(
        "audit",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("role", sa.String),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )


def _make_results() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("commit", sa.String(64), index=True),
        sa.Column("branch", sa.String),
        sa.Column("baseline_commit", sa.String(64)),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("finished", sa.Float),
    )
    op.create_table(
        "subject",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("test", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("clock", sa.String, nullable=False),
        sa.Column("cores", sa.String, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("backend", sa.String, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("system", sa.String, nullable=False),
    )
    op.create_index("subject_of", "subject", ["test", "device", "metric"])
    op.create_table(
        "comparison",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("subject", _NUMBER, sa.ForeignKey("subject.id"), nullable=False),
        sa.Column("run", sa.String(32), sa.ForeignKey("run.id"), nullable=False, index=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("candidate", sa.String(64)),
        sa.Column("baseline", sa.String(64)),
        sa.Column("answer", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("accepted", _NUMBER),
        sa.Column("effect", sa.Float),
        sa.Column("low", sa.Float),
        sa.Column("high", sa.Float),
        sa.Column("pairs", sa.Integer, nullable=False),
        sa.Column("flawed", sa.Integer, nullable=False),
        sa.Column("e_value", sa.Float),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("level", sa.Float),
        sa.Column("baseline_level", sa.Float),
        sa.Column("tail", sa.Float),
        sa.Column("spread", sa.Float),
        sa.Column("ratio", sa.Float),
        sa.Column("reference", sa.String(64)),
        sa.Column("toolchain", sa.Text, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    # a series reads this index, the rows it names, and nothing else
    op.create_index("comparison_series", "comparison", ["subject", "at"])
    op.create_index("comparison_candidate", "comparison", ["candidate"])
    op.create_table(
        "evidence",
        sa.Column(
            "comparison",
            _NUMBER,
            sa.ForeignKey("comparison.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("differences", sa.LargeBinary, nullable=False),
        sa.Column("samples", sa.LargeBinary),
    )
    # after pruning few have samples, which are what the next pruning looks at
    sampled = sa.text("samples IS NOT NULL")
    op.create_index("evidence_sampled", "evidence", ["comparison"], sqlite_where=sampled, postgresql_where=sampled)
