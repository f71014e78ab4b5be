"""From an event to the rows it concerns."""

from __future__ import annotations

from cqrs.projections.touched_rows import TouchedRow, TouchedRows
from tests.projections.conftest import Desk
from tests.projections.library import TYPES, Members, append, borrowed, joined


def test_the_rows_of_an_event_each_once(desk: Desk) -> None:
    append(desk.events, joined("1"), borrowed("1"), joined("2"))
    touched = TouchedRows([Members], events=desk.events, types=TYPES)
    first, second, third = desk.events.read_all()
    assert touched.of(first) == [TouchedRow("members", "1")]
    assert touched.of(first, second, third) == [TouchedRow("members", "1"), TouchedRow("members", "2")]


def test_events_that_nobody_handles_and_those_without_a_readable_key_touch_nothing(desk: Desk) -> None:
    append(desk.events, joined("1"))
    touched = TouchedRows([Members], events=desk.events, types=TYPES)
    (event,) = desk.events.read_all()
    assert touched.of(event._replace(type="Unheard")) == []
    assert touched.of(event._replace(data="{}")) == []
