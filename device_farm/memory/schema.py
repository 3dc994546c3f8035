"""The tables of what was measured. Times are seconds since 1970; revisions 0002 and 0003 make them.

A comparison's summary is in columns, its samples in a table of their own: a series over a thousand commits reads
neither samples nor other series. What must be alike for two results to be compared is a row of `subject`, so that the
many comparisons of one test carry one number for it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()
# SQLite numbers rows by itself only where they are called INTEGER.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "run",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("commit", String(64), index=True),
    Column("branch", String),
    Column("baseline_commit", String(64)),
    Column("purpose", String, nullable=False),
    Column("version", String, nullable=False),  # of ontarget
    Column("started", Float, nullable=False),
    Column("finished", Float),  # null while it runs, and for good if it was killed
)

subjects = Table(
    "subject",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),  # digest of all that follows
    Column("test", String, nullable=False),
    Column("device", String, nullable=False),
    Column("model", String, nullable=False),
    Column("metric", String, nullable=False),
    Column("clock", String, nullable=False),
    Column("cores", String, nullable=False),  # "2,3"
    Column("threads", Integer, nullable=False),
    Column("backend", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("system", String, nullable=False),
)
Index("subject_of", subjects.c.test, subjects.c.device, subjects.c.metric)

comparisons = Table(
    "comparison",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("subject", _NUMBER, ForeignKey("subject.id"), nullable=False),
    Column("run", String(32), ForeignKey("run.id"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("kind", String(16), nullable=False),  # a word of `Kind`
    Column("candidate", String(64)),  # the builds' SHA-256
    Column("baseline", String(64)),
    Column("answer", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("accepted", _NUMBER),  # the acceptance that let it pass
    Column("effect", Float),  # candidate/baseline - 1
    Column("low", Float),
    Column("high", Float),
    Column("pairs", Integer, nullable=False),
    Column("flawed", Integer, nullable=False),
    Column("e_value", Float),
    Column("unit", String(16), nullable=False),
    Column("level", Float),  # the candidate's median call, in `unit`
    Column("baseline_level", Float),
    Column("tail", Float),  # the candidate's 99th percentile, in `unit`
    Column("spread", Float),  # of the pairs' differences around their median, as a standard deviation would be
    Column("ratio", Float),  # log(the candidate's call / a turn of the reference kernel) in the same session
    Column("reference", String(64)),  # the kernel's digest: levels in ratio to another are not comparable
    Column("toolchain", Text, nullable=False),
    Column("findings", Text, nullable=False),  # JSON: what the same pairs say of other metrics
    Column("seconds", Float, nullable=False),
    Column("message", Text, nullable=False),
)
Index("comparison_series", comparisons.c.subject, comparisons.c.at)
Index("comparison_candidate", comparisons.c.candidate)

evidence = Table(
    "evidence",
    metadata,
    Column(
        "comparison", _NUMBER, ForeignKey("comparison.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    # the pairs' differences as 8-byte floats, little-endian, in measuring order: they outlive the samples
    Column("differences", LargeBinary, nullable=False),
    Column("samples", LargeBinary),  # see `codec`; null once pruned
)

_sampled = text("samples IS NOT NULL")
Index("evidence_sampled", evidence.c.comparison, sqlite_where=_sampled, postgresql_where=_sampled)

acceptances = Table(
    "acceptance",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("test", String, nullable=False, index=True),
    Column("metric", String),
    Column("device", String),
    Column("model", String),
    Column("commit", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", String, nullable=False),
    Column("made", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("withdrawn", Float),
    Column("withdrawn_by", String),
    Column("withdrawn_why", Text),
)

durations = Table(
    "duration",
    metadata,
    Column("test", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("device", String, nullable=False),  # the unit that ran it last
    Column("seconds", Float, nullable=False),
    Column("at", Float, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _NUMBER, primary_key=True),
    Column("at", Float, nullable=False),
    Column("author", String, nullable=False),
    Column("role", String),  # as whom the author had come to PostgreSQL
    Column("action", String(32), nullable=False),
    Column("detail", Text, nullable=False),  # JSON
)

# What pages and metrics read instead of counting comparisons; written at a run's end, but for `condition`.

totals = Table(
    "run_total",
    metadata,
    Column("run", String(32), ForeignKey("run.id"), primary_key=True),
    Column("model", String, primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("count", Integer, nullable=False),  # of checks
)

results = Table(
    "run_result",
    metadata,
    Column("run", String(32), ForeignKey("run.id"), primary_key=True),
    Column("results", LargeBinary, nullable=False),  # ontarget-results.json through zlib, numbers to 6 digits
)

device_runs = Table(
    "device_run",
    metadata,
    Column("run", String(32), ForeignKey("run.id"), primary_key=True),
    Column("device", String, primary_key=True),
    Column("at", Float, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("infra", Integer, nullable=False),  # checks that failed for the device's, host's or network's sake
    Column("pairs", Integer, nullable=False),
    Column("flawed", Integer, nullable=False),  # of the pairs
    Column("noise", Float),  # the median of the comparisons' spreads
    Column("temperature_c", Float),
)
Index("device_run_series", device_runs.c.device, device_runs.c.at)

conditions = Table(
    "condition",
    metadata,
    Column("device", String, primary_key=True),
    Column("at", Float, nullable=False),  # when it was last measured
    Column("temperature_c", Float),
    Column("cpu_mhz", Float),
    Column("throttled", Boolean),
)
