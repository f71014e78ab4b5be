"""The first page: is anything wrong? One sentence, the findings, and the figures behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from cqrs.console import current, navigation, silence
from cqrs.console.access import needs
from cqrs.console.audit import Deed, deeds
from cqrs.console.busy import Busy, busy
from cqrs.console.charts import Bars, rate_bars
from cqrs.console.event_rows import EventRow, event_rows
from cqrs.console.operation_rows import OperationRow, operation_rows
from cqrs.console.operations import PACE
from cqrs.console.preferences import zone
from cqrs.console.projections import ProjectionRow, projection_rows
from cqrs.console.rendering import render
from cqrs.console.verdict import Judgement
from cqrs.console.verdicts import judge
from cqrs.messages import Role

if TYPE_CHECKING:
    from cqrs.runtime import Runtime
    from cqrs.store.reports import Count
    from cqrs.workers.schedule import Upcoming

bp = Blueprint("overview", __name__)

LATEST, JOBS = 6, 5
#: Bars of the chart, one a minute.
MINUTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    judgement: Judgement
    head: int
    streams: Count
    #: Events of the last minute.
    last_minute: int
    appended: Bars
    #: None while not more is recorded than usual.
    busy: Busy | None
    projections: Sequence[ProjectionRow]
    operations: Sequence[OperationRow]
    latest: Sequence[EventRow]
    actions: Sequence[Deed]
    jobs: Sequence[Upcoming]
    #: Whether nobody is there to begin them.
    asleep: bool
    workers: int
    first_command: str | None
    has_seed: bool


@bp.get("/")
@needs(Role.VIEWER)
def index() -> Response:
    page = _overview(current.runtime())
    pace = PACE if page.operations else None
    return render("overview/index.html", tag=navigation.tag(), follow=True, pace=pace, page=page)


def _overview(runtime: Runtime) -> Overview:
    statuses, head, workers = navigation.statuses(), navigation.head(), len(runtime.workers.alive())
    now = runtime.clock()
    since = now - timedelta(minutes=MINUTES)
    appended = runtime.reports.appended(since, now, MINUTES)
    return Overview(
        judgement=judge(
            statuses,
            head=head,
            workers=workers,
            operations=navigation.operations(),
            order=runtime.events.order(),
            others=silence.findings(runtime.reports.rhythm(), now),
        ),
        head=head,
        streams=runtime.reports.stream_count(),
        last_minute=appended[-1],
        appended=rate_bars([count / 60 for count in appended], start=_time_of_day(since), end=_time_of_day(now)),
        busy=busy(appended, now),
        projections=projection_rows(statuses),
        operations=operation_rows(navigation.operations()),
        latest=event_rows(runtime.events.read_back(limit=LATEST)),
        actions=deeds(runtime.audit.page(limit=LATEST).items),
        jobs=sorted(runtime.schedules.upcoming(JOBS), key=lambda job: job.begins_at),
        asleep=runtime.schedules.scheduler() is None,
        workers=workers,
        first_command=next(iter(runtime.catalogue.commands), None),
        has_seed=any(domain.seed is not None for domain in runtime.catalogue.domains),
    )


def _time_of_day(moment: datetime) -> str:
    return f"{moment.astimezone(zone()):%H:%M}"
