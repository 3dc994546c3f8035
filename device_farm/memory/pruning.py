"""Which samples may go. Summaries and differences stay for good: they are small, and all that is learnt rests on them.

Samples are what verdicts can be looked at again by. Those stay that something rests on: the newest of each history,
what began a level (regressed, improved, accepted), comparisons of identical builds, and what bisecting measured.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from ontarget.device_farm.database import Database
from ontarget.device_farm.memory.rows import Kind
from ontarget.device_farm.memory.schema import acceptances, comparisons, evidence, runs
from ontarget.harness.outcomes import Answer

_LEVELS: Final = (str(Answer.REGRESSED), str(Answer.IMPROVED))
_BATCH: Final = 1000


@dataclass(frozen=True)
class Policy:
    """`age`: samples of less than so many seconds stay; `newest`: so do those of as many comparisons per history."""

    age: float = 90 * 86400.0
    newest: int = 10


@dataclass(frozen=True)
class Pruned:
    """How many comparisons lose their samples, and how many bytes of those there are; and how many keep them."""

    comparisons: int
    bytes: int
    kept: int


def prune(database: Database, policy: Policy, now: float, *, only_look: bool = False) -> Pruned:
    """Let the samples go that nothing rests on; with `only_look` say how many those are. Raises StoreFailed."""
    with database.reading() as connection:
        found = _superfluous(connection, policy, now)
        kept = connection.execute(select(func.count()).where(evidence.c.samples.is_not(None))).scalar_one()
    ids = list(found)
    for start in range(0, 0 if only_look else len(ids), _BATCH):
        # a transaction for each: who measures meanwhile waits for none of them long
        with database.writing() as connection:
            batch = evidence.c.comparison.in_(ids[start : start + _BATCH])
            connection.execute(update(evidence).where(batch).values(samples=None))
    return Pruned(len(ids), sum(found.values()), kept - len(ids))


def _superfluous(connection: Connection, policy: Policy, now: float) -> dict[int, int]:
    """The comparisons whose samples nothing rests on, with the size of those in bytes."""
    newer = comparisons.alias("newer")
    enough_newer = (
        select(newer.c.id)
        .where(newer.c.subject == comparisons.c.subject, newer.c.at > comparisons.c.at)
        .order_by(newer.c.at.desc())
        .offset(policy.newest - 1)
        .limit(1)
        .correlate(comparisons)
    )
    query = (
        select(evidence.c.comparison, func.length(evidence.c.samples).label("size"))
        .join(comparisons, comparisons.c.id == evidence.c.comparison)
        .join(runs, runs.c.id == comparisons.c.run)
        .where(
            evidence.c.samples.is_not(None),
            comparisons.c.at < now - policy.age,
            enough_newer.exists(),
            comparisons.c.kind == str(Kind.COMPARE),
            comparisons.c.answer.not_in(_LEVELS),
            comparisons.c.accepted.is_(None),
            _of_two_builds(),
            *_of_other_commits(connection),
        )
    )
    return {row.comparison: row.size for row in connection.execute(query)}


def _of_two_builds() -> ColumnElement[bool]:
    candidate, baseline = comparisons.c.candidate, comparisons.c.baseline
    return or_(candidate.is_(None), baseline.is_(None), candidate != baseline)


def _of_other_commits(connection: Connection) -> list[ColumnElement[bool]]:
    """What is of no commit that somebody accepted."""
    accepted = connection.execute(select(acceptances.c.commit).distinct()).scalars()
    return [or_(runs.c.commit.is_(None), runs.c.commit.not_like(f"{commit}%")) for commit in accepted]
