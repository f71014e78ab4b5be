"""What the page of one projection shows: its failure, its lag over time, its generations, what is being done to it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask import request, url_for

from cqrs.console import current, measured, navigation
from cqrs.console.estimates import Estimate, estimate
from cqrs.console.event_lines import EventLine, event_lines
from cqrs.console.event_rows import event_rows
from cqrs.console.happenings import happenings
from cqrs.console.links import with_query
from cqrs.console.operation_rows import OperationRow, operation_rows
from cqrs.console.parameters import Parameters
from cqrs.console.position_chart import LINES, Happening, PositionChart, position_chart
from cqrs.console.preferences import zone
from cqrs.console.stop import Stop, stop_of
from cqrs.messages import event_name, event_version
from cqrs.projections.generation_info import GenerationInfo
from cqrs.projections.status import ProjectionStatus
from cqrs.store.records import EventFilter
from cqrs.workers.operation import Operation

if TYPE_CHECKING:
    from cqrs.projections.parked import ParkedKey
    from cqrs.projections.projection import Projection
    from cqrs.store.reports import Count

#: By the word in the address: its label, and its seconds.
WINDOWS: Mapping[str, tuple[str, int]] = {
    "15min": ("15 min", 900),
    "1h": ("1 h", 3_600),
    "24h": ("24 h", 86_400),
    "7d": ("7 d", 7 * 86_400),
}
#: Seconds from which on a label names the day.
NAMES_DAYS = 2 * 86_400
OPERATIONS_SHOWN = 5
#: Events that wait, and operations that the chart may mark.
PENDING = 10
MARKED = 50


@dataclass(frozen=True, slots=True)
class HandlerRow:
    """`version` is the one handlers see; `events` how many of the type there are in the log."""

    event_type: str
    version: int
    method: str
    creates: bool
    events: Count


@dataclass(frozen=True, slots=True)
class GenerationRow:
    info: GenerationInfo
    rows: Count


@dataclass(frozen=True, slots=True)
class WindowLink:
    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionPage:
    status: ProjectionStatus
    about: str | None
    on_error: str
    #: Names of its tables; more than one only of a SQL projection.
    tables: Sequence[str]
    chart: PositionChart
    windows: Sequence[WindowLink]
    generations: Sequence[GenerationRow]
    #: Where a roll back would go; None when there is nowhere to go.
    back_to: GenerationInfo | None
    estimate: Estimate
    #: What is being done to it, and what was done lately.
    operation: Operation | None
    recent: Sequence[OperationRow]
    handlers: Sequence[HandlerRow]
    stop: Stop | None
    #: The next events it handles and has not applied.
    pending: Sequence[EventLine]
    parked: Sequence[ParkedKey]
    first_parked: str | None
    more_parked: str | None


def projection_page(status: ProjectionStatus) -> ProjectionPage:
    asked = Parameters(request.args)
    window, cursor = asked.choice("window", tuple(WINDOWS), _usual_window()), asked.text("parked")
    asked.check()
    runtime, name = current.runtime(), status.name
    definition = runtime.projections.definition(name)
    parked = runtime.projections.parked(name, cursor=cursor) if status.generation else None
    generations = runtime.projections.generations(name)
    here = url_for("projections.show", name=name)
    return ProjectionPage(
        status=status,
        about=inspect.cleandoc(definition.__doc__).split("\n\n")[0] if definition.__doc__ else None,
        on_error=definition.on_error,
        tables=[model.name for model in definition.models()],
        chart=_chart(name, window, happenings(status, runtime.operations.page(projection=name, limit=MARKED))),
        windows=_windows(here, window),
        generations=[GenerationRow(each, runtime.projections.row_count(name, each.number)) for each in generations],
        back_to=next((each for each in generations if each.next_back), None),
        estimate=estimate(name, status.generation),
        operation=navigation.operation_on(name),
        recent=operation_rows(runtime.operations.page(projection=name, limit=OPERATIONS_SHOWN)),
        handlers=_handlers(definition),
        stop=stop_of(status),
        pending=_pending(status),
        parked=parked.items if parked else (),
        first_parked=f"{here}#parked" if cursor else None,
        more_parked=with_query(here, {"parked": parked.next}) + "#parked" if parked and parked.next else None,
    )


def _handlers(definition: type[Projection]) -> list[HandlerRow]:
    """A SQL projection has one handler for all of its events."""
    by_event = {handler.event: handler for handler in definition.handlers}
    counts = current.runtime().reports.type_counts(definition.handled_types())
    rows = [
        HandlerRow(
            event_type=event_name(event),
            version=event_version(event),
            method=by_event[event].function.__name__ if event in by_event else "handle",
            creates=event in by_event and by_event[event].creates,
            events=counts[event_name(event)],
        )
        for event in definition.handled_events()
    ]
    return sorted(rows, key=lambda row: row.event_type)


def _pending(status: ProjectionStatus) -> list[EventLine]:
    if not status.lag_events or status.checkpoint is None or not status.handles:
        return []
    waiting = current.runtime().events.read_all(
        after=status.checkpoint, until=status.head, limit=PENDING, where=EventFilter(types=tuple(status.handles))
    )
    return event_lines(event_rows(waiting))


def _usual_window() -> str:
    """The shortest one while there is not yet an hour worth showing."""
    return "1h" if measured.window() == measured.HOUR else "15min"


def _windows(here: str, chosen: str) -> list[WindowLink]:
    return [
        WindowLink(label, with_query(here, {"window": word}) + "#lag", word == chosen)
        for word, (label, _) in WINDOWS.items()
    ]


def _chart(name: str, window: str, marks: Sequence[Happening]) -> PositionChart:
    label, seconds = WINDOWS[window]
    now = current.runtime().clock()
    times = [now - timedelta(seconds=seconds * (LINES - place) / LINES) for place in range(LINES + 1)]
    samples = current.runtime().samples.series(name, seconds)
    tell = _day if seconds >= NAMES_DAYS else _time_of_day
    return position_chart(name, samples, during=f"last {label}", times=times, tell=tell, happenings=marks)


def _time_of_day(moment: datetime) -> str:
    return f"{moment.astimezone(zone()):%H:%M}"


def _day(moment: datetime) -> str:
    local = moment.astimezone(zone())
    return f"{local.day} {local:%b}"
