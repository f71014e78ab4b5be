"""What a projection comes to does not depend on how it was run: batch by batch, in one go, live, or after a reload."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs.identifiers import new_id
from cqrs.projections.engine import Sizes
from tests.projections.conftest import Desk, DeskFactory, run_to_end
from tests.projections.histories import events, expected
from tests.projections.library import NOON, BookPassedOn, MemberLeft, append, borrowed, joined, recorded


def read(desk: Desk) -> dict[str, tuple[Any, ...]]:
    names = ("name", "loans", "owed", "last_loan_at", "books")
    page = desk.read_models.page("members", limit=200)
    return {row.key: tuple(row.values[name] for name in names) for row in page.rows}


@settings(max_examples=20)
@given(history=st.lists(events, max_size=40))
def test_every_way_to_run_comes_to_the_same(new_desk: DeskFactory, history: list[Any]) -> None:
    name = f"{new_id()}.db"
    by_ones = new_desk(name=name, sizes=Sizes(live=1, build=7, page=3, kept_rows=1))
    if history:
        append(by_ones.events, *history)
    by_ones.projections.catch_up()
    rows = by_ones.rows("members")
    assert read(by_ones) == expected(history)

    in_one_go = new_desk(name=name, sizes=Sizes(live=997, build=10_000))
    assert in_one_go.rows("members", by_ones.build("members")) == rows
    assert in_one_go.rows("members", in_one_go.build("members")) == rows
    in_one_go.sql("DELETE FROM members__g1")
    in_one_go.sql("UPDATE generations SET position = 0, event_id = NULL WHERE generation = 1")
    in_one_go.projections.catch_up()
    assert in_one_go.rows("members") == rows


def test_many_events_to_one_row_survive_any_batch_size(new_desk: DeskFactory) -> None:
    for size in (1, 3, 7, 1000):
        desk = new_desk(name=f"{size}.db", sizes=Sizes(live=size))
        append(desk.events, joined("m1"), *[borrowed("m1", fee="0.10") for _ in range(20)])
        desk.projections.catch_up()
        assert read(desk)["m1"][1:3] == (20, Decimal("2.00"))


def test_an_event_without_its_row_means_nothing(desk: Desk) -> None:
    append(desk.events, borrowed("m1"), MemberLeft(member_id="m1"))
    desk.projections.catch_up()
    assert desk.rows("members") == {}


def test_a_row_made_again_remembers_nothing(desk: Desk) -> None:
    append(desk.events, joined("m1"), borrowed("m1"))
    desk.projections.catch_up()
    append(desk.events, MemberLeft(member_id="m1"), joined("m1", "Alan"))
    desk.projections.catch_up()
    assert read(desk)["m1"] == ("Alan", 0, Decimal("0.00"), None, [])


def test_one_event_may_concern_several_rows_each_once(desk: Desk) -> None:
    append(desk.events, joined("m1"), joined("m2"), BookPassedOn(giver="m1", taker="m2"))
    append(desk.events, BookPassedOn(giver="m2", taker="m2"))
    desk.projections.catch_up()
    assert {key: row[1] for key, row in read(desk).items()} == {"m1": -1, "m2": 2}


def test_a_composite_key_made_from_the_time_of_recording(desk: Desk) -> None:
    append(desk.events, recorded(borrowed("m1"), actor="alan"), recorded(borrowed("m2"), at=NOON + timedelta(days=1)))
    desk.projections.catch_up()
    assert desk.rows("days") == {
        ("2026-11-22", "Emma"): ("2026-11-22", "Emma", 1, "alan"),
        ("2026-11-23", "Emma"): ("2026-11-23", "Emma", 1, "ada"),
    }


def test_a_build_goes_on_where_another_worker_stopped(new_desk: DeskFactory) -> None:
    desk = new_desk(sizes=Sizes(build=4))
    append(desk.events, joined("m1"), joined("m2"), *[borrowed("m1") for _ in range(9)], MemberLeft(member_id="m2"))
    desk.projections.catch_up()
    number = desk.projections.create_generation("members")
    while True:
        runner = desk.projections.runner("members", new_id(), generation=number)
        outcome = runner.step()
        runner.release()
        if outcome.is_tail:
            break
    assert desk.rows("members", number) == desk.rows("members")


def test_an_interrupted_build_comes_to_the_same(new_desk: DeskFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever slice it was interrupted after, with rows already ahead of the checkpoint."""
    monkeypatch.setattr("cqrs.readmodels.sql_rows.SLICE", 2)
    desk = new_desk(sizes=Sizes(build=50))
    people = [f"m{n}" for n in range(9)]
    append(desk.events, *map(joined, people), *[borrowed(each) for each in people * 3])
    append(desk.events, *[MemberLeft(member_id=each) for each in people[::2]], joined("m4", "Again"), borrowed("m4"))
    desk.projections.catch_up()
    for crash_at in range(1, 12):
        number = desk.projections.create_generation("members")
        _build_with_crash(new_desk, number, crash_at, monkeypatch)
        smaller = new_desk(sizes=Sizes(build=1 + crash_at * 3))
        run_to_end(smaller.projections.runner("members", "builder", generation=number))
        assert smaller.rows("members", number) == desk.rows("members"), f"crash at slice {crash_at}"


def _build_with_crash(new_desk: DeskFactory, number: int, crash_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = new_desk(sizes=Sizes(build=50))
    left = crash_at

    def write(*args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionAbortedError("the process died here")
        return original(*args, **options)

    original = desk.database.write
    runner = desk.projections.runner("members", "builder", generation=number)
    monkeypatch.setattr(desk.database, "write", write)
    while (outcome := runner.step()).error is None and not outcome.is_tail:
        pass
