"""Rows that differ as pages show them: each column stored and expected, and what the events say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from cqrs.console import current
from cqrs.console.column_values import Kinds, kinds_of
from cqrs.console.event_rows import EventRow, event_row
from cqrs.drift.check import Finding, Found
from cqrs.errors import NotFound, ReadModelMissing

#: Columns of one row that are shown; where the whole row is missing or extra, as many as tell which one it is.
MOST_COLUMNS, WHOLE_ROW = 8, 3
STATES = {"changed": "drift", "missing": "bad", "extra": "bad"}


@dataclass(frozen=True, slots=True)
class ColumnPair:
    """None: there is no row on that side."""

    name: str
    stored: str | None
    expected: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    finding: Finding
    state: str
    columns: Sequence[ColumnPair]
    more_columns: int
    sentence: str
    event: EventRow | None
    #: Whether it has a page: what something else wrote may have a key that no row can have.
    linked: bool
    #: Whether nobody would find its page: no event has this key, and the row that had it is gone by now.
    gone: bool
    #: Who resolved it, and the page that says how.
    resolved: str | None
    resolved_href: str | None


def finding_rows(projection: str, found: Sequence[Finding]) -> list[FindingRow]:
    kinds = kinds_of(projection)
    resolvers = {identity: _resolver(identity) for identity in {each.resolved_by for each in found} if identity}
    has_key = current.runtime().has_key if projection in current.runtime().projections.names() else _nobody_knows
    return [
        _row(projection, each, kinds, resolvers.get(each.resolved_by or ""), has_key(projection, each))
        for each in found
    ]


def pairs_of(columns: Mapping[str, Any], kind: str, kinds: Kinds) -> list[ColumnPair]:
    """Of what differs; a key says nothing where the whole row does."""
    shown = columns if kind == "changed" else {n: v for n, v in columns.items() if n not in kinds.keys} or columns
    return [
        ColumnPair(
            name,
            None if kind == "missing" else kinds.text(name, values.get("stored")),
            None if kind == "extra" else kinds.text(name, values.get("expected")),
        )
        for name, values in shown.items()
    ]


def _nobody_knows(_projection: str, _found: Found) -> bool:
    """What is not in the code any more has no pages of rows."""
    return False


def _row(projection: str, finding: Finding, kinds: Kinds, resolver: tuple[str, str] | None, linked: bool) -> FindingRow:
    pairs = pairs_of(finding.columns, finding.kind, kinds)
    recorded = None if finding.last_event is None else current.runtime().events.get(finding.last_event)
    event = None if recorded is None else event_row(recorded)
    most = MOST_COLUMNS if finding.kind == "changed" else WHOLE_ROW
    return FindingRow(
        finding=finding,
        state=STATES.get(finding.kind, "drift"),
        columns=pairs[:most],
        more_columns=max(0, len(pairs) - most),
        sentence=_sentence(finding, event),
        event=event,
        linked=linked,
        gone=linked and finding.last_event is None and _is_gone(projection, finding.key),
        resolved=resolver[0] if resolver else None,
        resolved_href=resolver[1] if resolver else None,
    )


def _is_gone(projection: str, key: str) -> bool:
    try:
        return current.runtime().read_models.row(projection, key) is None
    except ReadModelMissing:
        return True


def _sentence(finding: Finding, event: EventRow | None) -> str:
    if finding.last_event is None:
        return "No event has this key. Something else wrote the row."
    said = "The event cannot be read" if event is None else event.sentence.rstrip(".")
    if finding.kind == "missing":
        return f"{said}. The table has no row."
    return f"{said}. No row should be left." if finding.kind == "extra" else f"{said}."


def _resolver(identity: str) -> tuple[str, str]:
    """A repair, or a later check that found the row as it should be."""
    try:
        found = current.runtime().operations.get(identity)
    except NotFound:
        return "not found any more by a later check", url_for("drift.check", identity=identity)
    return f"repaired by {found.actor}", url_for("operations.show", identity=identity)
