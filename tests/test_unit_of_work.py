"""A unit of work records what is wanted and writes nothing before the commit."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from cqrs.domain import Catalogue
from cqrs.errors import ConcurrencyError, InvalidMessage, UnknownEventType, UnlistedEvent, UnstorableEvent
from cqrs.identifiers import derived_id
from cqrs.messages import Context, Event, event
from cqrs.store.database import Database
from cqrs.store.records import Expected, IdempotencyKey
from cqrs.store.sql import SqlEventStore
from cqrs.unit_of_work import UnitOfWork
from tests.library import Book, BookBought, BookLent, library, marks

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
BOUGHT = BookBought(book_id="1", title="Emma", price=Decimal("9.00"))
LENT = BookLent(book_id="1", reader="Ada")


class Desk:
    """Makes units of work on one log, and commits them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.events = SqlEventStore(database)
        self.types = Catalogue([library]).types
        with database.write() as connection:
            marks.create(connection)

    def unit(self, context: Context | None = None, **options: Any) -> UnitOfWork:
        defaults = {"snapshot": self.database.read, "command": "LendBook", "now": NOON}
        chosen: dict[str, Any] = defaults | options
        return UnitOfWork(events=self.events, types=self.types, context=context or Context(command_id="c-1"), **chosen)

    def commit(self, unit: UnitOfWork) -> Any:
        return self.events.commit(unit.work(key=None, result={})).events


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_nothing_is_written_before_the_commit(desk: Desk) -> None:
    unit = desk.unit()
    book = unit.load(Book, "1")
    book.record(BOUGHT)
    unit.save(book)
    unit.write(sa.insert(marks).values(mark="A1", book_id="1"))
    assert desk.events.head() == 0
    assert desk.unit().query(sa.select(marks)) == []
    desk.commit(unit)
    assert desk.events.stream_version("book-1") == 1
    assert [tuple(row) for row in desk.unit().query(sa.select(marks))] == [("A1", "1")]


def test_reading_and_recording_holds_no_lock(desk: Desk) -> None:
    unit = desk.unit()
    unit.load(Book, "1")
    unit.query(sa.select(marks))
    unit.append("book-1", BOUGHT)
    other = desk.unit()
    other.append("book-2", BOUGHT)
    assert len(desk.commit(other)) == 1


def test_what_happened_is_recorded_with_who_asked_and_why(desk: Desk) -> None:
    context = Context(actor="ada", command_id="c-7", correlation_id="trip", causation_id="before", now=NOON)
    unit = desk.unit(context)
    unit.append("book-1", BOUGHT, LENT)
    first, second = desk.commit(unit)
    assert (first.type, first.schema_version, first.stream, first.version) == ("BookBought", 2, "book-1", 1)
    assert (first.actor, first.causation_id, first.correlation_id) == ("ada", "c-7", "trip")
    assert first.recorded_at == second.recorded_at == NOON
    assert msgspec.json.decode(first.metadata) == {"command": "LendBook"}
    assert uuid.UUID(first.event_id).version == 7
    assert first.event_id != second.event_id


def test_without_a_correlation_id_the_command_is_the_correlation(desk: Desk) -> None:
    unit = desk.unit(Context(command_id="c-7"))
    unit.append("book-1", BOUGHT)
    (recorded,) = desk.commit(unit)
    assert recorded.correlation_id == recorded.causation_id == "c-7"
    assert unit.work(key=None, result={}).correlation_id == "c-7"


def test_ids_come_from_the_command_so_that_running_it_again_makes_the_same(desk: Desk) -> None:
    first, again = desk.unit(), desk.unit()
    made = [first.new_id(), first.new_id()]
    assert made == [again.new_id(), again.new_id()] == [derived_id("c-1", 1), derived_id("c-1", 2)]
    assert desk.unit(Context(command_id="c-2")).new_id() not in made


def test_an_aggregate_that_was_never_stored_is_empty(desk: Desk) -> None:
    assert desk.unit().load(Book, "1").version == 0


def test_loading_twice_gives_the_same_object_so_that_no_change_is_lost(desk: Desk) -> None:
    unit = desk.unit()
    book = unit.load(Book, "1")
    assert unit.load(Book, "1") is book
    assert unit.load(Book, "2") is not book
    new = Book("3")
    unit.save(new)
    assert unit.load(Book, "3") is new


def test_old_events_are_read_as_those_of_today(desk: Desk) -> None:
    unit = desk.unit()
    unit.append("book-1", BOUGHT)
    (today,) = unit.work(key=None, result={}).appends[0].events
    old = replace(today, schema_version=1, data=b'{"book_id":"1","title":"Emma"}')
    desk.events.append("book-1", [old])
    assert desk.unit().load(Book, "1").title == "Emma"


def test_saving_expects_the_version_that_was_loaded(desk: Desk) -> None:
    slow, fast = desk.unit(), desk.unit()
    for unit in (slow, fast):
        book = unit.load(Book, "1")
        book.record(BOUGHT)
        unit.save(book)
    desk.commit(fast)
    with pytest.raises(ConcurrencyError, match="book-1 is at version 1, not 0"):
        desk.commit(slow)


def test_an_aggregate_saved_twice_is_one_append(desk: Desk) -> None:
    unit = desk.unit()
    book = unit.load(Book, "1")
    for happened in (BOUGHT, LENT):
        book.record(happened)
        unit.save(book)
    assert [recorded.version for recorded in desk.commit(unit)] == [1, 2]
    assert desk.unit().load(Book, "1").reader == "Ada"


def test_saving_what_did_not_change_appends_nothing(desk: Desk) -> None:
    unit = desk.unit()
    unit.save(unit.load(Book, "1"))
    assert unit.work(key=None, result={}).appends == ()


def test_one_unit_cannot_expect_two_versions_of_a_stream(desk: Desk) -> None:
    unit = desk.unit()
    unit.append("book-1", BOUGHT, expected=Expected.NO_STREAM)
    unit.append("book-1", LENT, expected=1)
    unit.append("book-1", LENT)
    with pytest.raises(ValueError, match="appends to book-1 already and cannot expect 7"):
        unit.append("book-1", LENT, expected=7)
    assert [each.version for each in unit.planned()] == [1, 2, 3]


def test_planned_events_have_the_versions_they_would_get_and_no_position(desk: Desk) -> None:
    first = desk.unit()
    first.append("book-1", BOUGHT)
    desk.commit(first)
    unit = desk.unit()
    unit.append("book-1", LENT)
    (planned,) = unit.planned()
    assert (planned.type, planned.stream, planned.version) == ("BookLent", "book-1", 2)
    assert msgspec.json.decode(planned.data) == {"book_id": "1", "reader": "Ada", "due": None}


def test_an_event_that_could_not_be_read_back_is_never_stored(desk: Desk) -> None:
    wrong = BookBought(book_id="1", title="Em\0ma", price=Decimal("9.999"))
    with pytest.raises(UnstorableEvent, match=r"BookBought for stream book-1 .*title: .* price: "):
        desk.unit().append("book-1", wrong)


def test_values_of_events_are_brought_to_their_normal_form(desk: Desk) -> None:
    unit = desk.unit()
    unit.append("book-1", BookBought(book_id="1", title="Emma", price=Decimal(9)))
    assert '"price":"9.00"' in unit.planned()[0].data


def test_an_event_of_no_domain_is_refused(desk: Desk) -> None:
    @event("BookBurnt")
    class Burnt(Event):
        pass

    with pytest.raises(UnlistedEvent, match="Burnt belongs to no domain"):
        desk.unit().append("book-1", Burnt())


def test_a_stream_the_code_cannot_read_is_no_guess(desk: Desk) -> None:
    unit = desk.unit()
    unit.append("book-1", BOUGHT)
    desk.commit(unit)
    desk.types = Catalogue([]).types
    with pytest.raises(UnknownEventType, match="BookBought"):
        desk.unit().load(Book, "1")


def test_a_refusal_names_fields_or_the_whole_message(desk: Desk) -> None:
    with pytest.raises(InvalidMessage) as caught:
        desk.unit().invalid("Not today.", reader="Unknown reader.", book_id="No such book.")
    assert caught.value.errors == {"": ["Not today."], "reader": ["Unknown reader."], "book_id": ["No such book."]}


def test_a_taken_value_is_an_error_of_its_field_and_nothing_is_stored(desk: Desk) -> None:
    for title in ("Emma", "Persuasion"):
        unit = desk.unit()
        unit.write(sa.insert(marks).values(mark="A1", book_id=title), unique={"mark": "Taken."})
        unit.append("book-1", BOUGHT)
        if title == "Emma":
            desk.commit(unit)
    with pytest.raises(InvalidMessage) as caught:
        desk.commit(unit)
    assert caught.value.errors == {"mark": ["Taken."]}
    assert desk.events.stream_version("book-1") == 1


def test_the_expected_version_of_the_caller_takes_the_place_of_the_one_met(desk: Desk) -> None:
    unit = desk.unit()
    unit.append("book-1", BOUGHT)
    unit.append("book-2", BOUGHT)
    unit.expect("book-1", 5)
    unit.expect("book-9", 5)
    assert {each.stream: each.expected for each in unit.work(key=None, result={}).appends} == {
        "book-1": 5,
        "book-2": Expected.ANY,
    }


def test_the_work_carries_the_key_and_the_answer(desk: Desk) -> None:
    key = IdempotencyKey(actor="ada", command="LendBook", key="k", body_hash="h")
    work = desk.unit().work(key=key, result={"a": 1})
    assert (work.key, work.result, work.command_id) == (key, {"a": 1}, "c-1")


def test_a_unit_without_a_database_says_so(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="no database"):
        desk.unit(snapshot=None).query(sa.select(marks))
