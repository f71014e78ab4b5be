"""What a page of rows shows: the rows an address asks for, how they are filtered and sorted, and how old they are."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flask import request, url_for

from cqrs.console import current, row_query
from cqrs.console.filters import counted, number
from cqrs.console.links import with_query
from cqrs.console.masking import is_sensitive
from cqrs.console.parameters import Parameters
from cqrs.console.row_cells import ShownRow, shown_rows
from cqrs.console.row_query import COLUMN, CURSOR, SORT, Condition
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from cqrs.readmodels.reading import Column, ReadModel, RowPage

#: Parked keys that a page of rows marks.
MARKED = 200
RESERVED = (SORT, CURSOR)
PAGE = 50


@dataclass(frozen=True, slots=True)
class Behind:
    """Why rows are not as new as the log."""

    state: str
    fact: str
    consequence: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowList:
    model: ReadModel
    warning: Behind | None
    #: What is wrong with the address, by parameter; then no rows were looked for.
    errors: Mapping[str, Sequence[str]]
    conditions: Sequence[Condition]
    comparisons: Mapping[str, tuple[str, str, str | None]]
    #: What the form goes on with, and what was typed into it.
    kept: Mapping[str, str]
    typed: Mapping[str, str]
    #: None when the filter cannot be used.
    found: RowPage | None
    rows: Sequence[ShownRow]
    #: When the event at the checkpoint was recorded; None when unknown.
    recorded_at: datetime | None
    sorted_by: str
    #: By column: "ascending", "descending" or None; and the address that sorts by it, where it may be sorted by.
    order: Mapping[str, str | None]
    sorts: Mapping[str, str]
    first: str | None
    more: str | None
    #: The same rows for programs.
    json: str
    csv: str
    curl: str

    @property
    def goes_on(self) -> bool:
        """Whether the page ended because enough rows were looked at, not because it is full."""
        return self.found is not None and self.more is not None and len(self.rows) < PAGE


def rows_asked_for(name: str, asked: Parameters) -> RowPage:
    """Those that this address means. Raises NotFound, ReadModelMissing; InvalidMessage, which `row_list` shows."""
    filters = row_query.filters_of(asked, RESERVED)
    sort, cursor = asked.text(SORT), asked.text(CURSOR)
    asked.check()
    return current.runtime().read_models.page(name, filters=filters, sort=sort, cursor=cursor, limit=PAGE)


def row_list(
    model: ReadModel, status: ProjectionStatus | None, found: RowPage | None, errors: Mapping[str, Sequence[str]]
) -> RowList:
    names = [column.name for column in model.columns]
    sort = request.args.get(SORT)
    given = {name: value for name, value in request.args.items() if not name.startswith("_") and name != CURSOR}
    filters = {name: value for name, value in given.items() if name != SORT}
    event = current.runtime().events.get(found.position) if found is not None and found.position else None
    here, api = url_for("read_models.show", name=model.name), url_for("api_read_models.rows", name=model.name)
    data = with_query(api, given)
    return RowList(
        model=model,
        warning=_warning(status),
        errors=errors,
        conditions=tuple(row_query.conditions(filters, names)),
        comparisons=row_query.COMPARISONS,
        kept={} if errors and COLUMN not in request.args else given,
        typed={name: request.args.get(name, "") for name in (COLUMN, row_query.COMPARISON, row_query.VALUE)},
        found=found,
        rows=shown_rows(model, found.rows, _held(model) if status and status.parked else {}) if found else (),
        recorded_at=event.recorded_at if event else None,
        sorted_by=_sorted_by(sort, model.columns),
        order={name: _order(name, sort) for name in names},
        sorts={
            name: with_query(here, {**given, SORT: f"-{name}" if sort == name else name})
            for name in (column.name for column in model.columns if column.sortable)
            if not is_sensitive(name)
        },
        first=with_query(here, given) if request.args.get(CURSOR) else None,
        more=with_query(here, {**given, CURSOR: found.next}) if found is not None and found.next else None,
        json=data,
        csv=with_query(api, {**given, "format": "csv"}),
        curl=f'curl -H "Authorization: Bearer $TOKEN" {shlex.quote(request.host_url.rstrip("/") + data)}',
    )


def _held(model: ReadModel) -> Mapping[str, int]:
    """Events that wait for a parked key, by key."""
    return {each.key: each.held for each in current.runtime().projections.parked(model.projection, limit=MARKED).items}


def _order(name: str, sort: str | None) -> str | None:
    if sort is None or sort.removeprefix("-") != name:
        return None
    return "descending" if sort.startswith("-") else "ascending"


def _sorted_by(sort: str | None, columns: Sequence[Column]) -> str:
    if sort is None:
        return "sorted by key"
    numeric = any(column.numeric and column.name == sort.removeprefix("-") for column in columns)
    down = "largest first" if numeric else "last first"
    return f"sorted by {sort.removeprefix('-')}{', ' + down if sort.startswith('-') else ''}"


def _warning(status: ProjectionStatus | None) -> Behind | None:
    """Only where rows stay behind: a projection that is catching up says so by its position."""
    if status is None or status.state in ("running", "catching_up", "replaying"):
        return None
    words, link = WARNINGS.get(str(status.state), ("does not move", "See the projection"))
    fact = f"Rows are as of checkpoint {number(status.checkpoint)}."
    if not status.lag_events:
        return Behind(str(status.state), fact, f"The projection {words}.", link)
    later = f"{counted(status.lag_events, 'later event')} {'is' if status.lag_events == 1 else 'are'} not in them"
    return Behind(str(status.state), fact, f"{later}, because the projection {words}.", link)


WARNINGS = {
    "failed": ("failed", "See what failed"),
    "paused": ("is paused", "See the projection"),
    "stalled": ("is stalled", "See the projection"),
    "unknown": ("has no worker that reports", "See the projection"),
}
