"""What happens when a handler, a key, a value or the database is at fault: a key is set aside, or everything stops."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from cqrs.errors import DatabaseBusy
from cqrs.projections import circuit_breaker
from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection, on
from cqrs.projections.status import State
from cqrs.readmodels.types import Money
from tests.projections.conftest import Desk, DeskFactory, run_to_end
from tests.projections.library import (
    BookBorrowed,
    BookPassedOn,
    Days,
    MemberJoined,
    Members,
    append,
    borrowed,
    both,
    joined,
    stored,
)


def loans(**options: Any) -> type[Projection]:
    """A table `loans` whose handler fails on the book called Dracula."""
    own = sa.Table(
        "loans",
        sa.MetaData(),
        sa.Column("member_id", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False, default=0),
        sa.Column("fee", Money, default=0),
        sa.Column("favourite", sa.Text, unique=True),
        sa.CheckConstraint("count < 100", name="few"),
    )

    class Loans(Projection):
        table = own
        on_error = options.get("on_error", "park")

        @on(MemberJoined, key="member_id", creates=True)
        def joined(row: Any, event: MemberJoined) -> None:
            row.favourite = event.name if event.name != "Ada" else None

        @on(BookBorrowed, key="member_id")
        def borrowed(row: Any, event: BookBorrowed) -> None:
            row.count += 1
            row.fee += event.fee
            match event.book:
                case "Dracula":
                    raise ValueError("no vampires \0 here \ud800")
                case "Many":
                    row.count = 2**40
                case "Hundred":
                    row.count = 100
                case "Typo":
                    row.cuont = 1
                case "Stranger":
                    row.member_id = "m0"

        @on(BookPassedOn, key=both)
        def passed_on(row: Any, event: BookPassedOn) -> None:
            row.count += 1
            if row.key == event.taker and event.fee:
                raise ValueError("takers pay nothing")

    return Loans


@pytest.fixture
def desk(new_desk: DeskFactory) -> Desk:
    return new_desk(loans())


def counts(desk: Desk) -> dict[str, int]:
    return {key: row[1] for key, row in desk.rows("loans").items()}


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("book", ["Dracula", "Many", "Hundred", "Typo", "Stranger"])
def test_a_key_that_fails_is_set_aside_with_its_later_events(new_desk: DeskFactory, book: str, size: int) -> None:
    desk = new_desk(loans(), sizes=Sizes(live=size))
    append(desk.events, joined("m1"), joined("m2"), borrowed("m1"), borrowed("m2"))
    failed = append(desk.events, borrowed("m1", book))
    last = append(desk.events, borrowed("m1"), borrowed("m2"), borrowed("m1"), borrowed("m2"))
    desk.projections.catch_up()

    assert counts(desk) == {"m1": 1, "m2": 3}
    (parked,) = desk.projections.parked("loans").items
    assert (parked.key, parked.position, parked.event_type) == ("m1", failed, "BookBorrowed")
    assert (parked.attempts, parked.held) == (2, 3)
    assert desk.projections.status("loans").checkpoint == last


def test_later_events_of_a_parked_key_are_held_after_a_restart_too(new_desk: DeskFactory) -> None:
    desk = new_desk(loans())
    append(desk.events, joined("m1"), borrowed("m1", "Dracula"))
    desk.projections.catch_up()
    again = new_desk(loans())
    append(again.events, borrowed("m1"), joined("m1"))
    again.projections.catch_up()
    assert counts(again) == {"m1": 0}
    assert again.projections.parked("loans").items[0].held == 3


def test_the_error_is_kept_as_text_that_every_database_stores(desk: Desk) -> None:
    append(desk.events, joined("m1"), borrowed("m1", "Dracula"))
    desk.projections.catch_up()
    (parked,) = desk.projections.parked("loans").items
    assert parked.error == r"ValueError: no vampires \x00 here \ud800"
    assert "raise ValueError" in str(parked.traceback)


def test_only_the_failing_one_of_several_keys_is_set_aside(desk: Desk) -> None:
    append(desk.events, joined("m1"), joined("m2"), BookPassedOn(giver="m1", taker="m2", fee=1))
    desk.projections.catch_up()
    assert counts(desk) == {"m1": 1, "m2": 0}
    assert [parked.key for parked in desk.projections.parked("loans").items] == ["m2"]


def test_a_handler_that_fails_once_is_run_once_more(new_desk: DeskFactory) -> None:
    own = sa.Table("moody", sa.MetaData(), sa.Column("member_id", sa.Text, primary_key=True))
    moods = iter([True, True])

    class Moody(Projection):
        table = own

        @on(MemberJoined, key="member_id", creates=True)
        def joined(row: Any, event: MemberJoined) -> None:
            if next(moods, False):
                raise ValueError("not now")

    desk = new_desk(Moody)
    append(desk.events, joined("m1"))
    desk.projections.catch_up()
    assert list(desk.rows("moody")) == ["m1"]
    assert desk.projections.parked("moody").items == []


def test_an_event_that_cannot_be_decoded_belongs_to_the_key_that_can(desk: Desk) -> None:
    append(desk.events, joined("m1"), joined("m2"))
    append(desk.events, stored("BookBorrowed", b'{"member_id": "m1", "book": 7}'), borrowed("m1"), borrowed("m2"))
    desk.projections.catch_up()
    assert counts(desk) == {"m1": 0, "m2": 1}
    (parked,) = desk.projections.parked("loans").items
    assert parked.key == "m1"
    assert parked.error.startswith("UnreadableEvent")


@pytest.mark.parametrize(
    "bad",
    [
        stored("BookBorrowed", b'{"book": "Emma"}'),
        stored("BookBorrowed", b'{"member_id": 7, "book": "Emma"}'),
        stored("BookBorrowed", b'{"member_id": "a\\u0000b", "book": "Emma"}'),
        stored("MemberJoined", msgspec.json.encode({"member_id": "m3", "name": "x"}), version=9),
        stored("BookPassedOn", b'{"giver": "m1"}'),
    ],
)
def test_a_key_that_cannot_be_read_stops_the_projection_there(desk: Desk, bad: Any) -> None:
    before = append(desk.events, joined("m1"), borrowed("m1"))
    append(desk.events, bad, borrowed("m1"))
    desk.projections.catch_up()
    status = desk.projections.status("loans")
    assert status.state is State.FAILED
    assert status.checkpoint == before
    assert status.failure is not None
    assert (status.failure.position, status.failure.key) == (before + 1, None)
    assert counts(desk) == {"m1": 1}


def test_with_on_error_stop_nothing_is_set_aside(new_desk: DeskFactory) -> None:
    desk = new_desk(loans(on_error="stop"))
    before = append(desk.events, joined("m1"), joined("m2"), borrowed("m2"))
    failing = append(desk.events, borrowed("m1", "Dracula"))
    append(desk.events, borrowed("m2"))
    desk.projections.catch_up()
    status = desk.projections.status("loans")
    assert (status.state, status.checkpoint) == (State.FAILED, before)
    assert status.failure is not None
    assert (status.failure.position, status.failure.key) == (failing, "m1")
    assert counts(desk) == {"m1": 0, "m2": 1}
    assert desk.projections.parked("loans").items == []


def test_a_build_stops_at_a_failure_and_keeps_what_came_before(new_desk: DeskFactory) -> None:
    desk = new_desk(loans(), sizes=Sizes(live=5, build=50, page=7))
    append(desk.events, *[joined(f"m{n}") for n in range(30)])
    append(desk.events, borrowed("m1", "Dracula"), borrowed("m2"))
    number = desk.build("loans")
    _, generations = desk.store.generations()
    (built,) = [each for each in generations if each.number == number]
    assert built.position == 30
    assert built.failure is not None
    assert built.failure.key == "m1"
    assert len(desk.rows("loans", number)) == 30


def test_resuming_after_a_failure_tries_again(new_desk: DeskFactory) -> None:
    desk = new_desk(loans(on_error="stop"))
    append(desk.events, joined("m1"), borrowed("m1", "Dracula"), borrowed("m1"))
    desk.projections.catch_up()
    desk.projections.resume("loans", actor="ada")
    assert desk.projections.status("loans").failure is None
    desk.projections.catch_up()
    assert desk.projections.status("loans").state is State.FAILED
    assert counts(desk) == {"m1": 0}


def test_a_value_may_pass_from_row_to_row_although_it_is_unique(new_desk: DeskFactory) -> None:
    """Legal event by event; the database only sees where a batch ended."""

    own = sa.Table(
        "names",
        sa.MetaData(),
        sa.Column("member_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, unique=True),
    )

    class Names(Projection):
        table = own

        @on(MemberJoined, key="member_id", creates=True)
        def joined(row: Any, event: MemberJoined) -> None:
            row.name = event.name

    desk = new_desk(Names)
    append(desk.events, joined("m1", "Ada"), joined("m2", "Alan"))
    desk.projections.catch_up()
    append(desk.events, joined("m1", "nobody"), joined("m2", "Ada"), joined("m1", "Alan"), joined("m3", "Grace"))
    desk.projections.catch_up()
    assert {key: row[1] for key, row in desk.rows("names").items()} == {"m1": "Alan", "m2": "Ada", "m3": "Grace"}
    assert desk.projections.parked("names").items == []


def test_a_row_that_somebody_broke_is_set_aside_not_guessed(desk: Desk) -> None:
    append(desk.events, joined("m1"), joined("m2"))
    desk.projections.catch_up()
    desk.sql("UPDATE loans__g1 SET fee = 'plenty' WHERE member_id = 'm1'")
    append(desk.events, borrowed("m1"), borrowed("m2"))
    desk.projections.catch_up()
    assert counts(desk) == {"m1": 0, "m2": 1}
    assert "RowUnreadable" in desk.projections.parked("loans").items[0].error


def test_bytes_that_no_text_can_be_do_not_stop_the_others(desk: Desk) -> None:
    append(desk.events, joined("m1", "Alan"), joined("m2"))
    desk.projections.catch_up()
    desk.sql("UPDATE loans__g1 SET fee = x'ff00' WHERE member_id = 'm1'")
    append(desk.events, borrowed("m1"), borrowed("m2"))
    desk.projections.catch_up()
    assert counts(desk) == {"m1": 0, "m2": 1}


def test_a_handler_that_breaks_everything_stops_instead_of_parking_the_world(desk: Desk) -> None:
    before = append(desk.events, *[joined(f"m{n}") for n in range(150)])
    desk.projections.catch_up()
    append(desk.events, *[borrowed(f"m{n}", "Dracula") for n in range(150)])
    desk.projections.catch_up()
    status = desk.projections.status("loans")
    assert (status.state, status.parked, status.checkpoint) == (State.FAILED, 0, before)
    assert "looks broken" in str(status.failure and status.failure.error)


def test_a_tenth_of_all_keys_at_once_is_too_much(new_desk: DeskFactory) -> None:
    desk = new_desk(loans())
    append(desk.events, *[joined(f"m{n}") for n in range(100)])
    append(desk.events, *[borrowed(f"m{n}", "Dracula") for n in range(circuit_breaker.FEWEST)])
    desk.projections.catch_up()
    assert desk.projections.status("loans").state is State.FAILED


def test_a_few_keys_of_a_small_table_are_no_reason_to_stop(desk: Desk) -> None:
    append(desk.events, *[joined(f"m{n}") for n in range(10)])
    append(desk.events, *[borrowed(f"m{n}", "Dracula") for n in range(circuit_breaker.FEWEST - 1)])
    desk.projections.catch_up()
    assert desk.projections.status("loans").parked == circuit_breaker.FEWEST - 1


def test_a_database_that_is_busy_is_nobodys_fault(new_desk: DeskFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = new_desk(Members)
    append(desk.events, joined("m1"))
    runner = desk.projections.runner("members", "w1")
    with monkeypatch.context() as broken:
        broken.setattr(desk.events, "raw_events", _busy)
        delays = [runner.step().delay for _ in range(12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(delays) == 30.0
    assert run_to_end(runner).position == 1
    assert desk.projections.parked("members").items == []


def _busy(*args: Any, **options: Any) -> Any:
    raise DatabaseBusy(database="library.db")


def test_a_log_put_back_from_an_old_copy_is_noticed(new_desk: DeskFactory) -> None:
    desk = new_desk(Days)
    append(desk.events, borrowed("m1"))
    desk.projections.catch_up()
    desk.sql("UPDATE generations SET position = 7")
    desk.projections.catch_up()
    failure = desk.projections.status("days").failure
    assert failure is not None
    assert "History changed at position 7 or before" in failure.error
    assert "the log ends at 1" in failure.error


def test_another_log_is_noticed_by_its_events(new_desk: DeskFactory) -> None:
    desk = new_desk(Days)
    append(desk.events, borrowed("m1"))
    desk.projections.catch_up()
    desk.sql("UPDATE generations SET event_id = 'from-elsewhere'")
    append(desk.events, borrowed("m1"))
    desk.projections.catch_up()
    status = desk.projections.status("days")
    assert status.failure is not None
    assert "from-elsewhere" in status.failure.error
    assert status.checkpoint == 1
