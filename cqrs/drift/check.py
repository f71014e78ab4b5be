"""A check and what it found, as their rows tell of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cqrs.drift.estimate import Estimate
from cqrs.readmodels.generation import GenerationId

#: What rows are held against; the log where nothing else is said.
LOG, WRITE_MODEL = "log", "write_model"

#: The level of the look that a repair takes at its own rows.
REPAIRED = "keys"

#: Findings that are stored for one check; all are counted.
MOST_FINDINGS = 1_000


class Verdict(enum.StrEnum):
    NONE = "none"
    DRIFT = "drift"
    INCONCLUSIVE = "inconclusive"
    NOT_DETERMINISTIC = "not_deterministic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check has come to so far; `verdict` is None until it is finished."""

    id: str
    operation: str
    projection: str
    level: str
    reference: str
    verdict: str | None
    #: Why it is inconclusive, or what else is to be known of the verdict.
    reason: str | None
    generation: int | None
    #: Of the read database whose rows it looks at.
    origin: str
    #: All rows were compared as of this position, or a later one.
    position: int | None
    checked: int
    missing: int
    extra: int
    changed: int
    #: Parked keys, which nobody expects to be right.
    known: int
    pending: int
    #: Keys whose rows could not be derived.
    underived: int
    #: Rows there were in all when it began; None where nobody counted.
    rows: int | None
    #: Events that concern what was looked at.
    events: int
    #: In a sentence, what was looked at.
    method: str | None
    #: What a sample tells of all rows.
    estimate: Estimate | None
    #: Findings that were kept.
    stored: int
    cursor: str
    saves: int
    started_at: datetime
    finished_at: datetime | None

    @property
    def generation_id(self) -> GenerationId | None:
        return None if self.generation is None else GenerationId(self.generation, self.origin)

    @property
    def differing(self) -> int:
        return self.missing + self.extra + self.changed

    @property
    def duration_seconds(self) -> float | None:
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Found:
    """A row that is not as the log says."""

    key: str
    kind: str
    #: By column, "stored" and "expected"; JSON values.
    columns: Mapping[str, Any]
    #: The position of the last event of the key; None when there is none.
    last_event: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Found):
    n: int
    first_seen_at: datetime
    #: How many checks in a row found it, this one included.
    times_seen: int
    resolved_by: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class FindingPage:
    items: Sequence[Finding]
    next: int | None


def result_of(check: Check) -> dict[str, Any]:
    """Of the operation that it is."""
    names = ("rows", "checked", "missing", "extra", "changed", "pending", "events", "method")
    counts = {name: getattr(check, name) for name in names}
    return {"check": f"/api/checks/{check.id}", "verdict": check.verdict, "reason": check.reason, **counts}
