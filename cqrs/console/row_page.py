"""What the page of one row shows: stored and derived again, column by column, and the events that made it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import request, url_for

from cqrs.console import current
from cqrs.console.column_values import Kinds, kinds_of
from cqrs.console.event_rows import EventRow, event_row
from cqrs.console.links import with_query
from cqrs.console.parameters import Parameters
from cqrs.console.row_sentences import RowSentence, sentences_of
from cqrs.drift.explanation import AppliedEvent, Change, Explanation, Window
from cqrs.drift.judge import json_value
from cqrs.errors import HistoryTooLong, NotFound, NotKeyed, ShapeMismatch
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from cqrs.readmodels.reading import ReadModel
    from cqrs.readmodels.set_aside import ParkedKey

#: Events of one page, and later ones that are named.
SHOWN, LATER = 25, 5
ORDERS = ("newest", "oldest")


@dataclass(frozen=True, slots=True)
class ColumnRow:
    name: str
    type_text: str
    key: bool
    #: None: there is no row on that side.
    stored: str | None
    derived: str | None
    equal: bool
    #: Position and type of the event that gave it the derived value.
    last_set: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """`before` is None where the event made the row, `after` where it removed it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    event: EventRow
    changes: Sequence[ColumnChange]
    made: bool = False
    removed: bool = False
    #: Why it is not applied yet, and the glyph for that; None when it is.
    waits: str | None = None
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    model: ReadModel
    key: str
    status: ProjectionStatus | None
    sentences: Sequence[RowSentence]
    columns: Sequence[ColumnRow]
    #: None where the row cannot be derived at all.
    explanation: Explanation | None
    history: Sequence[HistoryRow]
    newest_first: bool
    orders: Mapping[str, str]
    first: str | None
    more: str | None
    can_repair: bool


def row_page(model: ReadModel, key: str, status: ProjectionStatus | None) -> RowPage:
    """Raises NotFound when there is neither a row nor an event of it; InvalidMessage."""
    asked = Parameters(request.args)
    order = asked.choice("order", ORDERS, "newest")
    before, after = asked.whole("before", lowest=1), asked.whole("after")
    asked.check()
    newest = order == "newest"
    window = Window(before=before, limit=SHOWN) if newest else Window(after=after or 0, limit=SHOWN)
    began = time.monotonic()
    try:
        found = current.runtime().explain(model.projection, key, window=window)
    except NotKeyed as error:
        return _unexplained(model, key, status, str(error), "Check all of its rows")
    except HistoryTooLong as error:
        alone = _unexplained(model, key, status, str(error), "Check all rows")
        return replace(alone, can_repair=True)
    except ShapeMismatch as error:
        return _unexplained(model, key, status, str(error), "See the projection")
    took = time.monotonic() - began
    parked = _parked(model, key) if found.parked else None
    kinds, here = kinds_of(model.name), url_for("read_models.row", name=model.name, key=key)
    applied = [_applied(each, kinds) for each in found.events]
    later = [] if (before or after) else _later(found, status)
    history = [*reversed(applied)] if newest else applied
    rest = found.earlier if newest else found.following
    turn = {"before": found.events[0].position} if newest and rest else {}
    turn = {"after": found.events[-1].position} if not newest and rest else turn
    kept = {"order": None if newest else order}
    return RowPage(
        model=model,
        key=key,
        status=status,
        sentences=sentences_of(found, status, parked, len(model.columns), took),
        columns=_columns(model, found, kinds),
        explanation=found,
        history=[*later, *history] if newest else [*history, *(reversed(later) if not rest else ())],
        newest_first=newest,
        orders={each: with_query(here, {"order": None if each == "newest" else each}) + "#history" for each in ORDERS},
        first=with_query(here, kept) + "#history" if before or after else None,
        more=with_query(here, {**kept, **turn}) + "#history" if turn else None,
        can_repair=found.equal is False,
    )


def _unexplained(model: ReadModel, key: str, status: ProjectionStatus | None, why: str, link: str) -> RowPage:
    """The row alone; `link` names what the page of its projection is good for. Raises NotFound."""
    found = current.runtime().read_models.row(model.name, key)
    if found is None:
        raise NotFound(what=f"row of {model.name} with the key", name=key)
    kinds, values = kinds_of(model.name), {name: json_value(value) for name, value in found.values.items()}
    return RowPage(
        model=model,
        key=key,
        status=status,
        sentences=[
            RowSentence(
                "unknown", "Whether this row is as its events say cannot be told.", why, "projections.show", link
            )
        ],
        columns=[
            ColumnRow(each.name, each.type_text, each.primary_key, _text(kinds, each.name, values), None, True, None)
            for each in model.columns
        ],
        explanation=None,
        history=(),
        newest_first=True,
        orders={},
        first=None,
        more=None,
        can_repair=False,
    )


def _columns(model: ReadModel, found: Explanation, kinds: Kinds) -> list[ColumnRow]:
    known = {each.name: each for each in model.columns}
    names = dict.fromkeys([*known, *(found.derived or {}), *(found.stored or {})])
    differs = found.differing if found.stored is not None and found.derived is not None else names
    return [
        ColumnRow(
            name=name,
            type_text=known[name].type_text if name in known else "",
            key=name in known and known[name].primary_key,
            stored=_text(kinds, name, found.stored),
            derived=_text(kinds, name, found.derived),
            equal=name not in differs,
            last_set=found.last_set.get(name),
        )
        for name in names
    ]


def _text(kinds: Kinds, name: str, values: Mapping[str, object] | None) -> str | None:
    return None if values is None else kinds.text(name, json_value(values.get(name)))


def _applied(applied: AppliedEvent, kinds: Kinds) -> HistoryRow:
    changes = [_change(name, each, applied, kinds) for name, each in applied.changes.items()]
    return HistoryRow(event=_event(applied.position), changes=changes, made=applied.made, removed=applied.removed)


def _change(name: str, change: Change, applied: AppliedEvent, kinds: Kinds) -> ColumnChange:
    return ColumnChange(
        name,
        None if applied.made else kinds.text(name, json_value(change.before)),
        None if applied.removed else kinds.text(name, json_value(change.after)),
    )


def _later(found: Explanation, status: ProjectionStatus | None) -> list[HistoryRow]:
    """The first events that are not applied yet, newest first."""
    return [_waiting(position, status) for position in reversed(found.later[:LATER])]


def _waiting(position: int, status: ProjectionStatus | None) -> HistoryRow:
    failure = status.failure if status is not None else None
    if failure is not None and failure.position == position:
        waits, state = f"not applied: {failure.error}", "failed"
    elif failure is not None:
        waits, state = f"waits behind event {failure.position:,}, which failed", "failed"
    elif status is not None and status.paused_at is not None:
        waits, state = "not applied yet: the projection is paused", "paused"
    else:
        waits, state = "not applied yet", "catching_up"
    return HistoryRow(event=_event(position), changes=(), waits=waits, state=state)


def _event(position: int) -> EventRow:
    recorded = current.runtime().events.get(position)
    assert recorded is not None, position  # the log forgets nothing
    return event_row(recorded)


def _parked(model: ReadModel, key: str) -> ParkedKey | None:
    page = current.runtime().projections.parked(model.projection, limit=200)
    return next((parked for parked in page.items if parked.key == key), None)
