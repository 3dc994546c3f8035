"""What identical builds differ by on a device, learnt from earlier comparisons and kept honest.

A comparison of identical builds shows it as it is; one that passed shows it around its own median. What came before a
change of the usual size or shape of the differences is left out: see `harness.statistics.likeness`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, or_, select

from ontarget.device_farm.memory.rows import Kind, identity_of, subject_values, unpack_differences
from ontarget.device_farm.memory.schema import comparisons, evidence, subjects
from ontarget.device_farm.times import rfc3339
from ontarget.harness.metrics.identity import Identity, unlike
from ontarget.harness.outcomes import Answer
from ontarget.harness.statistics.likeness import newest_alike

FloatArray = NDArray[np.float64]

FEWEST: Final = 20
MOST: Final = 200
_SESSIONS: Final = 60


@dataclass(frozen=True, eq=False)
class Learned:
    """Log ratios candidate/baseline of identical builds [at most 200], the newest last; None while there are too few.

    `note` says what was left out and why, for the user.
    """

    differences: FloatArray | None = None
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Session:
    """The differences of one comparison [pairs]; `identical` if both builds were the same."""

    at: float
    differences: FloatArray
    identical: bool

    def centred(self) -> FloatArray:
        if self.identical or self.differences.size == 0:
            return self.differences
        return np.asarray(self.differences - np.median(self.differences))


def learn(sessions: Sequence[Session]) -> Learned:
    """Put together what the sessions say that are alike up to now; oldest first."""
    values = [session.centred() for session in sessions]
    begin, change = newest_alike(values)
    note = None
    if change is not None:
        dropped = sum(found.size for found in values[:begin])
        note = (
            f"{dropped} differences between identical builds from before {rfc3339(sessions[begin].at)} are no longer "
            f"learnt from: {change}"
        )
    known = np.concatenate([np.empty(0), *values[begin:]])[-MOST:]
    return Learned(known if known.size >= FEWEST else None, note)


def read_learned(connection: Connection, identity: Identity) -> Learned:
    """What the store knows for this identity. Results under another are not used, and the note says so."""
    key = subject_values(identity)["key"]
    named = subjects.c.test == identity.test, subjects.c.device == identity.device, subjects.c.metric == identity.check
    rows = connection.execute(select(subjects).where(*named)).all()
    ours = next((row.id for row in rows if row.key == key), None)
    newest = _newest(connection, [row.id for row in rows])
    note = None
    if newest is not None and newest != ours:
        before = identity_of(next(row for row in rows if row.id == newest))
        note = f"a new history begins, as results so far are of unlike conditions: {unlike(before, identity)}"
    if ours is None:
        return Learned(None, note)
    found = learn(_sessions(connection, ours))
    return Learned(found.differences, "; ".join(filter(None, (note, found.note))) or None)


def _newest(connection: Connection, ids: Sequence[int]) -> int | None:
    """The subject that was measured last."""
    last: dict[int, float] = {}
    for subject in ids:  # one look into the index each
        at = connection.execute(
            select(comparisons.c.at).where(comparisons.c.subject == subject).order_by(comparisons.c.at.desc()).limit(1)
        ).scalar()
        if at is not None:
            last[subject] = at
    return max(last, key=last.__getitem__, default=None)


def _sessions(connection: Connection, subject: int) -> list[Session]:
    same = or_(comparisons.c.candidate == comparisons.c.baseline, comparisons.c.kind == str(Kind.SELF_TEST))
    query = (
        select(comparisons.c.at, evidence.c.differences, same.label("identical"))
        .join(evidence, evidence.c.comparison == comparisons.c.id)
        .where(
            comparisons.c.subject == subject,
            comparisons.c.baseline.is_not(None),
            or_(same, comparisons.c.answer == str(Answer.PASS)),
        )
        .order_by(comparisons.c.at.desc())
        .limit(_SESSIONS)
    )
    rows = connection.execute(query).all()
    return [Session(row.at, unpack_differences(row.differences), bool(row.identical)) for row in reversed(rows)]
