"""What checks have left behind: the last one of each projection, and the rows that still differ."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cqrs.drift.check import MOST_FINDINGS, REPAIRED, Verdict
from cqrs.drift.tables import checks, findings
from cqrs.projections.drift_known import NOTHING_KNOWN, DriftKnown, LastCheck
from cqrs.readmodels.generation import GenerationId
from cqrs.store.database import Database
from cqrs.store.question import Question

#: Findings that are looked at for one projection; several checks may have found the same row.
MOST_LOOKED_AT = 5_000


class StandingDrift:
    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, live: Mapping[str, GenerationId]) -> Mapping[str, DriftKnown]:
        """By projection; `live` gives the generation of each that readers see. What was found in another one says
        nothing of its rows; the last check may have looked at an earlier one of the same database."""
        if not live:
            return {}
        return {row.name: _known(row) for row in self._database.ask(_question(tuple(live.items())))}


# Every page asks: putting the statement together takes longer than carrying it out.
@functools.lru_cache(64)
def _question(live: tuple[tuple[str, GenerationId], ...]) -> Question:
    standing, last = _standing(live).subquery(), _last_checks(live).subquery()
    both = standing.outerjoin(last, last.c.projection == standing.c.name)
    return Question(sa.select(standing, last).select_from(both))


def _last_checks(live: tuple[tuple[str, GenerationId], ...]) -> sa.CompoundSelect[Any]:
    c = checks.c
    columns = (c.id, c.projection, c.level, c.reference, c.verdict, c.reason, c.position, c.checked, c.finished_at)
    newest = [
        sa.select(*columns, (c.missing + c.extra + c.changed).label("differing"))
        .where(c.projection == name, c.origin == generation.origin, c.verdict.is_not(None), c.level != REPAIRED)
        .order_by(c.id.desc())
        .limit(1)
        .subquery()
        for name, generation in live
    ]
    return sa.union_all(*(sa.select(each) for each in newest))


def _last(row: sa.Row[Any]) -> LastCheck:
    return LastCheck(
        id=row.id,
        level=row.level,
        reference=row.reference,
        verdict=row.verdict,
        reason=row.reason,
        position=row.position,
        checked=row.checked,
        differing=row.differing,
        at=row.finished_at,
    )


def _standing(live: tuple[tuple[str, GenerationId], ...]) -> sa.CompoundSelect[Any]:
    """Each key once, whatever number of checks found it; the findings of the newest checks are looked at first."""
    f, c = findings.c, checks.c
    counts = []
    for name, generation in live:
        newest = (
            sa.select(f.key, f.check)
            .join(checks, c.id == f.check)
            .where(f.projection == name, f.resolved_by.is_(None))
            .where(c.verdict == Verdict.DRIFT, c.generation == generation.number, c.origin == generation.origin)
            .order_by(f.check.desc())
            .limit(MOST_LOOKED_AT)
            .subquery()
        )
        n = newest.c
        rows, looked = sa.func.count(n.key.distinct()).label("rows"), sa.func.count().label("looked")
        counted = sa.select(sa.literal(name).label("name"), rows, looked, sa.func.max(n.check).label("found_by"))
        counts.append(counted.select_from(newest))
    return sa.union_all(*counts)


def _known(row: sa.Row[Any]) -> DriftKnown:
    if row.id is None and not row.rows:
        return NOTHING_KNOWN
    last = _last(row) if row.id is not None else None
    capped = row.looked >= MOST_LOOKED_AT or row.rows >= MOST_FINDINGS
    return DriftKnown(last_check=last, standing=row.rows, capped=capped, found_by=row.found_by)
