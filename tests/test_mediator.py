"""Commands and queries through the mediator: what is answered, stored, repeated and refused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.clock import FixedClock
from cqrs.dispatch import CommandResult, Dispatch, Next, PlannedEvent, QueryAnswer, Unvalidated
from cqrs.domain import Catalogue, Domain
from cqrs.errors import (
    AccessDenied,
    ConcurrencyError,
    IdempotencyConflict,
    InvalidMessage,
    NoHandler,
    NotVisibleYet,
)
from cqrs.identifiers import derived_id
from cqrs.mediator import Mediator, ReadSide
from cqrs.messages import Command, Context, Query, Role
from cqrs.store.database import Database
from cqrs.store.records import RecordedEvent
from cqrs.store.sql import SqlEventStore
from cqrs.store.tables import main
from cqrs.unit_of_work import UnitOfWork
from tests.library import (
    BookByMark,
    BookReturned,
    BuyBook,
    CountLent,
    LendBook,
    ReturnBook,
    lend_book,
    lent_books,
    library,
    marks,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EMMA = BuyBook(title="Emma", price=Decimal("9.00"), mark="A1")


class Desk:
    """A mediator of the library on one database, whose read models stand at `reached`."""

    def __init__(self, database: Database, domain: Domain = library, **options: Any) -> None:
        self.database = database
        self.clock = FixedClock(NOON)
        self.events = SqlEventStore(database, clock=self.clock)
        self.reached = 0
        self.waited: list[Any] = []
        with database.write() as connection:
            for table in (marks, lent_books):
                table.create(connection, checkfirst=True)
        self.mediator = self.another(domain, **options)

    def another(self, domain: Domain = library, **options: Any) -> Mediator:
        catalogue = Catalogue([domain])
        read_side = ReadSide(snapshot=self.database.read, position=lambda _, names: self.reached, wait=self._wait)
        defaults = {"secret": b"s" * 32, "snapshot": self.database.read, "read_side": read_side, "clock": self.clock}
        chosen: dict[str, Any] = defaults | options
        return Mediator(
            command_handlers=catalogue.command_handlers,
            query_handlers=catalogue.query_handlers,
            events=self.events,
            types=catalogue.types,
            **chosen,
        )

    def _wait(self, names: tuple[str, ...], position: int, seconds: float) -> int:
        self.waited.append((names, position, seconds))
        return self.reached

    def buy(self, title: str = "Emma", mark: str | None = None) -> str:
        command = BuyBook(title=title, price=Decimal(9), mark=mark or title)
        return str(self.mediator.send(command).result["book_id"])

    def marks(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(marks.c.mark)).scalars())


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def with_handler(handler: Callable[[Any, UnitOfWork], Any]) -> Domain:
    return replace(library, command_handlers={**library.command_handlers, LendBook: handler})


# Commands


def test_a_command_is_answered_with_what_it_did(desk: Desk) -> None:
    answer = desk.mediator.send(EMMA, Context(actor="ada"))
    (bought,) = answer.events
    assert isinstance(bought, RecordedEvent)
    assert (bought.type, bought.version, bought.actor) == ("BookBought", 1, "ada")
    assert (answer.position, answer.repeated) == (bought.position, False)
    assert bought.stream == f"book-{answer.result['book_id']}"
    assert bought.causation_id == answer.command_id == answer.correlation_id
    assert desk.marks() == ["A1"]


def test_the_answer_is_plain_json(desk: Desk) -> None:
    assert desk.mediator.send(EMMA).result["price"] == "9.00"


def test_events_are_recorded_at_the_time_of_the_clock_or_at_the_time_given(desk: Desk) -> None:
    seen = []

    def note_the_time(command: LendBook, unit: UnitOfWork) -> None:
        seen.append(unit.now)
        lend_book(command, unit)

    book_id = desk.buy()
    past = datetime(2020, 1, 1, tzinfo=UTC)
    mediator = desk.another(with_handler(note_the_time))
    (lent,) = mediator.send(LendBook(book_id=book_id, reader="Ada"), Context(now=past)).events
    mediator.send(ReturnBook(book_id=book_id))
    mediator.send(LendBook(book_id=book_id, reader="Eva"))
    assert isinstance(lent, RecordedEvent)
    assert lent.recorded_at == past
    assert seen == [past, NOON]


def test_a_command_may_come_as_raw_fields(desk: Desk) -> None:
    raw = Unvalidated("BuyBook", {"title": "Emma", "price": 9.5, "mark": "A1"})
    assert desk.mediator.send(raw).result["price"] == "9.50"


def test_all_errors_of_a_command_are_told_and_nothing_is_written(desk: Desk) -> None:
    with pytest.raises(InvalidMessage) as caught:
        desk.mediator.send(Unvalidated("BuyBook", {"title": "", "price": "0.001"}))
    assert set(caught.value.errors) == {"title", "price", "mark"}
    assert desk.events.head() == 0


@pytest.mark.parametrize("name", ["BurnBook", "CountLent", "buybook", "", "Buy\ud800"])
def test_a_command_nobody_handles_is_an_error_of_its_own(desk: Desk, name: str) -> None:
    with pytest.raises(NoHandler, match=r"^No handler for ") as caught:
        desk.mediator.send(Unvalidated(name, {}))
    str(caught.value).encode()


def test_a_class_of_the_same_name_is_not_the_same_command(desk: Desk) -> None:
    class BuyBook(Command):
        pass

    with pytest.raises(NoHandler, match=r"^No handler for BuyBook\."):
        desk.mediator.send(BuyBook())


def test_a_query_is_no_command_and_a_command_no_query(desk: Desk) -> None:
    with pytest.raises(NoHandler):
        desk.mediator.send(CountLent())  # type: ignore[arg-type]
    with pytest.raises(NoHandler):
        desk.mediator.ask(EMMA)  # type: ignore[arg-type]


def test_viewers_cannot_command(desk: Desk) -> None:
    with pytest.raises(AccessDenied):
        desk.mediator.send(EMMA, Context(role=Role.VIEWER))
    assert desk.events.head() == 0


def test_a_refusal_of_the_handler_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(InvalidMessage, match="There is no such book"):
        desk.mediator.send(LendBook(book_id="none", reader="Ada"), Context(idempotency_key="k"))
    assert desk.events.head() == 0


def test_a_handler_that_fails_half_way_leaves_nothing_behind(desk: Desk) -> None:
    def fail_late(command: LendBook, unit: UnitOfWork) -> None:
        unit.write(sa.insert(marks).values(mark="Z9", book_id="1"))
        unit.append("book-1", BookReturned(book_id="1"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.another(with_handler(fail_late)).send(LendBook(book_id="1", reader="Ada"))
    assert desk.events.head() == 0
    assert desk.marks() == []


def test_a_taken_mark_is_an_error_of_its_field(desk: Desk) -> None:
    desk.mediator.send(EMMA)
    with pytest.raises(InvalidMessage) as caught:
        desk.mediator.send(BuyBook(title="Persuasion", price=Decimal(9), mark="A1"))
    assert caught.value.errors == {"mark": ["This shelf mark is taken."]}
    assert desk.events.head() == 1


def test_a_command_that_changes_nothing_has_no_events_and_no_position(desk: Desk) -> None:
    answer = desk.another(with_handler(lambda command, unit: None)).send(LendBook(book_id="1", reader="Ada"))
    assert (answer.events, answer.position, answer.result) == ((), None, {})


def test_a_handler_returns_a_dict_or_nothing(desk: Desk) -> None:
    with pytest.raises(TypeError, match="The handler of LendBook returned a list: return a dict or None"):
        desk.another(with_handler(lambda command, unit: ["x"])).send(LendBook(book_id="1", reader="Ada"))


# Dry runs


def test_a_dry_run_shows_the_events_and_stores_nothing(desk: Desk) -> None:
    book_id = desk.buy()
    answer = desk.mediator.send(LendBook(book_id=book_id, reader="Ada"), Context(dry_run=True, idempotency_key="k"))
    (planned,) = answer.events
    assert isinstance(planned, PlannedEvent)
    assert (planned.type, planned.stream, planned.version) == ("BookLent", f"book-{book_id}", 2)
    assert (answer.position, answer.repeated) == (None, False)
    assert desk.events.head() == 1
    really = desk.mediator.send(LendBook(book_id=book_id, reader="Ada"), Context(idempotency_key="k"))
    assert not really.repeated


def test_a_dry_run_tests_constraints(desk: Desk) -> None:
    desk.mediator.send(EMMA)
    with pytest.raises(InvalidMessage, match="This shelf mark is taken"):
        desk.mediator.send(EMMA, Context(dry_run=True))


def test_a_dry_run_draws_no_position_and_takes_no_mark(desk: Desk) -> None:
    desk.mediator.send(EMMA, Context(dry_run=True))
    assert desk.marks() == []
    assert desk.mediator.send(EMMA).position == 1


# Expected versions and conflicts


def test_a_command_goes_through_at_the_version_the_caller_saw(desk: Desk) -> None:
    book_id = desk.buy()
    answer = desk.mediator.send(LendBook(book_id=book_id, reader="Ada"), Context(expected_version=1))
    assert answer.position == 2


@pytest.mark.parametrize("version", [0, 2, -1])
def test_another_version_is_a_conflict_also_when_nothing_would_be_written(desk: Desk, version: int) -> None:
    book_id = desk.buy()
    idle = desk.another(with_handler(lambda command, unit: None))
    for mediator in (desk.mediator, idle):
        with pytest.raises(ConcurrencyError) as caught:
            mediator.send(LendBook(book_id=book_id, reader="Ada"), Context(expected_version=version))
        assert (caught.value.expected, caught.value.actual) == (version, 1)


def test_a_conflict_that_comes_while_the_handler_runs_is_found_by_the_commit(desk: Desk) -> None:
    runs = []

    def overtaken(command: LendBook, unit: UnitOfWork) -> None:
        runs.append(unit)
        desk.mediator.send(ReturnBook(book_id=command.book_id))
        lend_book(command, unit)

    book_id = desk.buy()
    with pytest.raises(ConcurrencyError) as caught:
        desk.another(with_handler(overtaken)).send(LendBook(book_id=book_id, reader="Ada"), Context(expected_version=1))
    assert (caught.value.expected, caught.value.actual, len(runs)) == (1, 2, 1)


def test_a_command_without_a_stream_takes_no_expected_version(desk: Desk) -> None:
    with pytest.raises(InvalidMessage) as caught:
        desk.mediator.send(ReturnBook(book_id="1"), Context(expected_version=1))
    assert caught.value.errors == {"": ["ReturnBook has no stream: send it without an expected version."]}


def test_a_conflict_makes_the_handler_run_again_in_a_new_unit(desk: Desk) -> None:
    units: list[UnitOfWork] = []

    def overtaken_once(command: LendBook, unit: UnitOfWork) -> dict[str, str]:
        units.append(unit)
        lend_book(command, unit)
        if len(units) == 1:
            desk.mediator.send(ReturnBook(book_id=command.book_id))
        return {"id": unit.new_id()}

    book_id = desk.buy()
    answer = desk.another(with_handler(overtaken_once)).send(LendBook(book_id=book_id, reader="Ada"))
    assert len(units) == 2
    assert units[0] is not units[1]
    assert [event.type for event in answer.events] == ["BookLent"]
    assert answer.position == 3


def test_a_handler_that_is_always_overtaken_gives_up_after_three_times(desk: Desk) -> None:
    runs = []

    def always_overtaken(command: LendBook, unit: UnitOfWork) -> None:
        runs.append(unit)
        lend_book(command, unit)
        desk.mediator.send(ReturnBook(book_id=command.book_id))

    book_id = desk.buy()
    with pytest.raises(ConcurrencyError):
        desk.another(with_handler(always_overtaken)).send(LendBook(book_id=book_id, reader="Ada"))
    assert len(runs) == 3


# The same request twice


def test_a_repeated_request_has_one_effect_and_the_same_answer(desk: Desk) -> None:
    first = desk.mediator.send(EMMA, Context(idempotency_key="k"))
    again = desk.mediator.send(EMMA, Context(idempotency_key="k"))
    assert replace(again, repeated=False) == first
    assert again.repeated
    assert desk.events.head() == 1


def test_twelve_racing_requests_have_one_effect_and_one_answer(desk: Desk) -> None:
    together = threading.Barrier(12)

    def send(_: int) -> CommandResult:
        together.wait()
        return desk.mediator.send(EMMA, Context(idempotency_key="k"))

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    assert [answer.repeated for answer in answers].count(False) == 1
    assert len({(answer.command_id, answer.position, answer.result["book_id"]) for answer in answers}) == 1
    assert desk.events.head() == 1


def test_requests_that_race_past_the_look_up_are_decided_by_the_commit(desk: Desk) -> None:
    """All handlers run at the same time: none can know of the others before it commits."""
    together = threading.Barrier(4)

    def at_once(command: LendBook, unit: UnitOfWork) -> dict[str, str]:
        together.wait(timeout=10)
        unit.append("book-1", BookReturned(book_id="1"))
        return {"id": unit.new_id()}

    mediator = desk.another(with_handler(at_once))
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(mediator.send, LendBook(book_id="1", reader="Ada"), Context(idempotency_key="k"))
            for _ in range(4)
        ]
        answers = [call.result() for call in calls]
    assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
    assert len({answer.result["id"] for answer in answers}) == 1
    assert desk.events.head() == 1


def test_another_body_under_the_same_key_is_refused(desk: Desk) -> None:
    desk.mediator.send(EMMA, Context(idempotency_key="k"))
    for other in ({"title": "Persuasion"}, {"code": "1234"}):
        raw = {"title": "Emma", "price": "9", "mark": "A1"} | other
        with pytest.raises(IdempotencyConflict):
            desk.mediator.send(Unvalidated("BuyBook", raw), Context(idempotency_key="k"))
    assert desk.events.head() == 1


def test_the_same_body_in_other_words_is_the_same_request(desk: Desk) -> None:
    desk.mediator.send(EMMA, Context(idempotency_key="k"))
    raw = Unvalidated("BuyBook", {"mark": "A1", "price": 9, "title": "Emma", "code": ""})
    assert desk.mediator.send(raw, Context(idempotency_key="k")).repeated


def test_keys_of_other_people_and_other_commands_are_other_keys(desk: Desk) -> None:
    book_id = desk.buy("Emma", "A1")
    context = Context(idempotency_key="k", actor="ada")
    assert not desk.mediator.send(LendBook(book_id=book_id, reader="Ada"), context).repeated
    assert not desk.mediator.send(ReturnBook(book_id=book_id), context).repeated
    assert not desk.mediator.send(ReturnBook(book_id=book_id), replace(context, actor="eva")).repeated


def test_a_failure_is_not_remembered(desk: Desk) -> None:
    book_id = derived_id("c-7", 1)
    context = Context(idempotency_key="k")
    with pytest.raises(InvalidMessage):
        desk.mediator.send(LendBook(book_id=book_id, reader="Ada"), context)
    desk.mediator.send(EMMA, Context(command_id="c-7"))
    assert not desk.mediator.send(LendBook(book_id=book_id, reader="Ada"), context).repeated


def test_no_secret_reaches_the_database(desk: Desk) -> None:
    raw = {"title": "Emma", "price": "9", "mark": "A1", "code": "correct-horse-battery"}
    desk.mediator.send(Unvalidated("BuyBook", raw), Context(idempotency_key="k"))
    with desk.database.read() as connection:
        tables = [table.name for table in main.sorted_tables] + [marks.name]
        stored = str([connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables])
    assert "Emma" in stored
    assert "correct-horse" not in stored


# After the commit


def test_subscribers_hear_of_what_was_stored(desk: Desk) -> None:
    heard: list[CommandResult] = []
    desk.mediator.subscribe(heard.append)
    answer = desk.mediator.send(EMMA, Context(idempotency_key="k"))
    desk.mediator.send(EMMA, Context(idempotency_key="k"))
    desk.mediator.send(BuyBook(title="Persuasion", price=Decimal(9), mark="B"), Context(dry_run=True))
    with pytest.raises(InvalidMessage):
        desk.mediator.send(EMMA)
    assert heard == [answer]


def test_a_subscriber_that_fails_is_logged_and_the_others_still_hear(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[CommandResult] = []

    def fail(result: CommandResult) -> None:
        raise ZeroDivisionError

    desk.mediator.subscribe(fail)
    desk.mediator.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        answer = desk.mediator.send(EMMA)
    assert heard == [answer]
    assert f"A subscriber failed after command {answer.command_id} was stored." in caplog.text


def test_the_sender_may_wait_for_projections(desk: Desk) -> None:
    desk.reached = 1
    assert desk.mediator.send(EMMA, Context(wait_for=("lent_books",), wait_seconds=2)).visible is True
    assert desk.waited == [(("lent_books",), 1, 2)]


# Queries


def test_a_query_is_answered_with_the_position_it_knows(desk: Desk) -> None:
    desk.reached = 12
    assert desk.mediator.ask(CountLent()) == QueryAnswer(value=0, position=12)


def test_a_query_of_the_write_side_has_no_position(desk: Desk) -> None:
    book_id = desk.buy("Emma", "A1")
    answer = desk.mediator.ask(Unvalidated("BookByMark", {"mark": "A1"}, strict=False))
    assert answer == QueryAnswer(value={"mark": "A1", "book_id": book_id}, position=None)


def test_what_is_not_there_is_none(desk: Desk) -> None:
    assert desk.mediator.ask(BookByMark(mark="none")).value is None


def test_viewers_may_ask(desk: Desk) -> None:
    assert desk.mediator.ask(CountLent(), Context(role=Role.VIEWER)).value == 0


def test_position_and_rows_are_of_one_snapshot(database: Database) -> None:
    """The position is read on the handler's own connection, and the snapshot stands still from then on."""
    order: list[Any] = []

    def position(connection: sa.Connection, names: tuple[str, ...]) -> int:
        order.append((connection, names))
        return 3

    def count(query: CountLent, read: Any) -> object:
        order.append(read.connection)
        return 0

    desk = Desk(database)
    read_side = ReadSide(snapshot=database.read, position=position, wait=lambda *_: 0)
    domain = replace(library, query_handlers={CountLent: count})
    assert desk.another(domain, read_side=read_side).ask(CountLent()).position == 3
    assert order == [(order[1], ("lent_books",)), order[1]]


def test_a_reader_can_wait_for_his_own_writes(desk: Desk) -> None:
    desk.reached = 5
    assert desk.mediator.ask(CountLent(), min_position=5, wait_seconds=0.5).position == 5
    assert desk.waited == [(("lent_books",), 5, 0.5)]
    with pytest.raises(NotVisibleYet) as caught:
        desk.mediator.ask(CountLent(), min_position=6)
    assert (caught.value.wanted, caught.value.reached) == (6, 5)


def test_a_query_that_reads_no_projection_never_waits(desk: Desk) -> None:
    assert desk.mediator.ask(BookByMark(mark="x"), min_position=9).value is None
    assert desk.waited == []


def test_queries_are_validated_with_all_their_errors(desk: Desk) -> None:
    with pytest.raises(InvalidMessage) as caught:
        desk.mediator.ask(Unvalidated("BookByMark", {"shelf": "1"}, strict=False))
    assert set(caught.value.errors) == {"shelf", "mark"}


def test_a_query_nobody_answers(desk: Desk) -> None:
    class Unknown(Query):
        pass

    with pytest.raises(NoHandler, match=r"^No handler for Unknown\."):
        desk.mediator.ask(Unknown())


# Middleware and threads


def test_middleware_of_ones_own_sees_validated_messages_and_may_answer(desk: Desk) -> None:
    seen = []

    def nosy(dispatch: Dispatch, next: Next) -> object:
        seen.append(dispatch.message)
        return next(dispatch)

    mediator = desk.another(extra=[nosy])
    mediator.send(Unvalidated("BuyBook", {"title": "Emma", "price": "9", "mark": "A1"}))
    mediator.ask(CountLent())
    assert seen == [EMMA, CountLent()]


def test_threads_share_a_mediator_and_nothing_else(desk: Desk) -> None:
    """8 threads, 50 sends each: every answer belongs to its own command."""

    def send_fifty(thread: int) -> None:
        actor = f"reader-{thread}"
        for n in range(50):
            mark = f"{thread}/{n}"
            command = BuyBook(title=mark, price=Decimal(9), mark=mark)
            answer = desk.mediator.send(command, Context(actor=actor, command_id=mark))
            (bought,) = answer.events
            assert isinstance(bought, RecordedEvent)
            assert (bought.actor, bought.causation_id, answer.command_id) == (actor, mark, mark)
            assert f'"{mark}"' in bought.data

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(send_fifty, thread) for thread in range(8)]:
            done.result()
    assert desk.events.head() == 400
    assert len(desk.marks()) == 400


def test_lent_and_returned_in_turns_by_many_threads_is_never_lost(desk: Desk) -> None:
    book_id = desk.buy()

    def borrow(reader: str) -> bool:
        try:
            desk.mediator.send(LendBook(book_id=book_id, reader=reader))
        except (InvalidMessage, ConcurrencyError):
            return False
        desk.mediator.send(ReturnBook(book_id=book_id))
        return True

    with ThreadPoolExecutor(6) as pool:
        lent = sum(pool.map(borrow, [f"reader-{n}" for n in range(30)]))
    types = [event.type for event in desk.events.read_stream(f"book-{book_id}")][1:]
    assert types == ["BookLent", "BookReturned"] * lent
    assert lent > 0
