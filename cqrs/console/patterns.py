"""Every part of the design once, for those who work on it. Only there in debug mode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, current_app

from cqrs.console import current
from cqrs.console.access import needs
from cqrs.console.charts import lag_line, rate_bars
from cqrs.console.check_strip import PLACES, check_strip
from cqrs.console.event_facets import Facet, Value
from cqrs.console.finding_rows import ColumnPair
from cqrs.console.position_chart import Happening, PositionChart, position_chart
from cqrs.console.rendering import render
from cqrs.console.toasts import Toast
from cqrs.messages import Role
from cqrs.workers.samples import Sample

bp = Blueprint("patterns", __name__)

#: One that is counted to its end, one that is not, with a value that is chosen.
FACETS = (
    Facet("Types", (Value("Shipped", 1_796, "#", True), Value("Returned", 76, "#", False)), 3, False),
    Facet("Actors", (Value("maria.keller", 12, "#", False),), 0, True),
)

#: (state, what it means), in the order in which they are looked for.
STATES = (
    ("unknown", "no worker has reported; never shown as zero"),
    ("failed", "an event could not be applied"),
    ("paused", "an operator stopped it"),
    ("stalled", "behind and not moving, without an error"),
    ("replaying", "a new generation is being built"),
    ("catching_up", "behind and moving"),
    ("running", "caught up, or within one batch"),
    ("drift", "rows are not as their events say"),
)
DIFFERING = (
    ColumnPair("status", '"placed"', '"paid"'),
    ColumnPair("paid_at", "NULL", "2026-11-22T14:31:44Z"),
    ColumnPair("total", None, "64.00"),
)
PAYLOAD = {
    "order_id": "8F2C",
    "user_id": 4711,
    "total": {"amount": "129.50", "currency": "EUR"},
    "lines": [{"sku": "DESK-11", "quantity": 1, "gift": False}],
    "note": None,
    "empty": {},
    "long": "x" * 200,
    "markup": "<b onclick=alert(1)>not bold</b>",
}


@bp.get("/patterns")
@needs(Role.VIEWER)
def index() -> Response:
    if not current_app.debug:
        abort(404)
    now = current.runtime().clock()
    times = [now - timedelta(minutes=15 * quarter) for quarter in range(4, -1, -1)]
    rising = [0.0] * 50 + [40.0, 150.0, 400.0, 700.0, 900.0, 1_000.0, 1_080.0, 1_140.0, 1_180.0, 1_204.0]
    return render(
        "patterns/index.html",
        states=STATES,
        payload=PAYLOAD,
        moments=[now - timedelta(seconds=seconds) for seconds in (0, 42, 1_386, 52_000, 400_000, 40_000_000)],
        rising=lag_line("user_stats", rising),
        gap=lag_line("orders", [3.0, 5.0, 90.0, 20.0, None, None, None, 4.0, 2.0, 0.0]),
        bars=rate_bars([float(i % 7 + i // 20) for i in range(60)], start="13:32", end="14:32"),
        page={"chart": _chart(times)},
        facets=FACETS,
        differing=DIFFERING,
        strip=check_strip(current.runtime().checks.page(limit=PLACES)),
        toast=Toast("user_stats is paused.", "/", "Resume", state="ok"),
    )


def _chart(times: Sequence[datetime]) -> PositionChart:
    """An hour in which a projection failed, and before which nothing was measured for a while."""
    failed = times[2]
    samples = [
        Sample(
            at=times[0] + timedelta(minutes=minute),
            head=1_190_000 + 400 * minute,
            checkpoint=1_190_000 + 400 * min(minute, 30),
            lag_events=None,
            lag_seconds=None,
            parked=0,
        )
        for minute in range(12, 60)
    ]
    marks = [Happening("failed", failed, "failed"), Happening("swapped to generation 4", times[1], "replaying")]
    return position_chart(
        "user_stats",
        [*[None] * 12, *samples],
        during="last 1 h",
        times=times,
        tell=lambda moment: f"{moment:%H:%M}",
        happenings=marks,
    )
