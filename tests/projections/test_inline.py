"""Rows that move in the transaction of the command: at once or not at all, in the order of the log, each event once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs.dispatch import QueryAnswer
from cqrs.errors import ConcurrencyError, DomainFault, InlineRefused
from cqrs.identifiers import new_id
from cqrs.messages import Context
from cqrs.projections.engine import Sizes
from cqrs.projections.inline import MOST_BEHIND, InlineProjections
from cqrs.projections.projection import Projection, on
from cqrs.readmodels.generation import GenerationState
from cqrs.store.database import Database
from cqrs.store.records import Expected, StreamAppend, Work
from cqrs.store.schema import READ, upgrade
from tests.conftest import DatabaseFactory, RuntimeFactory
from tests.library import BuyBook, CountLent, LendBook, LentBooks, library
from tests.projections.conftest import Desk, run_to_end
from tests.projections.histories import events, expected
from tests.projections.house import House
from tests.projections.library import (
    NOON,
    TYPES,
    BookBorrowed,
    Days,
    MemberJoined,
    Members,
    ShelfPainted,
    append,
    borrowed,
    joined,
    recorded,
)
from tests.waiting import wait_until


class Prompt(Members):
    """Inline, and is afraid of one book."""

    inline = True

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        if event.book == "Dracula":
            raise ValueError("it bites")
        row.loans += 1
        row.owed += event.fee
        row.last_loan_at = event.borrowed_at
        row.books.append(event.book)


class PromptDays(Days):
    inline = True


class InlineDesk(Desk):
    def __init__(self, database: Database, *projections: type[Projection], **options: Any) -> None:
        upgrade(database, READ)
        super().__init__(database, projections or (Prompt, PromptDays), **options)
        self.connect(database, self.projections.advanced, *(projections or (Prompt, PromptDays)))

    def connect(self, database: Database, advanced: Callable[[str, int], None], *projections: type[Projection]) -> None:
        self.events.take_along(InlineProjections(projections, types=TYPES, store=self.store, advanced=advanced))

    def checkpoint(self) -> int | None:
        return self.projections.status("members").checkpoint

    def loans(self) -> dict[str, int]:
        return {key: row[2] for key, row in self.rows("members").items()}


@pytest.fixture
def desk(database: Database) -> InlineDesk:
    return InlineDesk(database)


def test_rows_are_there_as_soon_as_the_events_are(desk: InlineDesk) -> None:
    last = append(desk.events, joined("m1"), borrowed("m1"), joined("m2"))
    assert desk.loans() == {"m1": 1, "m2": 0}
    assert desk.checkpoint() == last
    assert append(desk.events, borrowed("m2")) == desk.checkpoint()
    assert desk.loans() == {"m1": 1, "m2": 1}


def test_a_handler_gets_what_is_recorded_of_the_event(desk: InlineDesk) -> None:
    append(desk.events, recorded(borrowed("m1"), actor="alan", at=NOON))
    ((key, row),) = desk.rows("days").items()
    assert (str(key[0]), key[1], row[2:]) == ("2026-11-22", "Emma", (1, "alan"))


@settings(max_examples=10)
@given(history=st.lists(events, max_size=30), cuts=st.lists(st.integers(0, 30), max_size=5), late=st.integers(0, 4))
def test_inline_comes_to_the_same_as_the_fold(
    new_database: DatabaseFactory, history: list[Any], cuts: list[int], late: int
) -> None:
    """However the events are spread over commands, also when the first of them were stored without it."""
    name = f"{new_id()}.db"
    database = new_database(name)
    upgrade(database, READ)
    desk = Desk(database, (Prompt, PromptDays))
    bounds = sorted({0, len(history), *(min(cut, len(history)) for cut in cuts)})
    for n, (start, end) in enumerate(pairwise(bounds)):
        if n == late:
            desk = InlineDesk(database)
        append(desk.events, *history[start:end])
    left = desk.projections.catch_up()
    assert left == 0 or late > 0
    page = desk.read_models.page("members", limit=200).rows
    columns = ("name", "loans", "owed", "last_loan_at", "books")
    assert {row.key: tuple(row.values[name] for name in columns) for row in page} == expected(history)
    rows, days = desk.rows("members"), desk.rows("days")
    again = InlineDesk(new_database(name), sizes=Sizes(live=1, build=10_000))
    assert again.rows("members", again.build("members")) == rows
    assert again.rows("days", again.build("days")) == days


def test_an_error_refuses_the_command_and_nothing_is_stored(desk: InlineDesk) -> None:
    first = append(desk.events, joined("m1"))
    with pytest.raises(InlineRefused, match=r"members refuses BookBorrowed, key m1: ValueError: it bites\. "):
        append(desk.events, borrowed("m1"), borrowed("m1", "Dracula"))
    assert (desk.loans(), desk.checkpoint(), desk.events.head()) == ({"m1": 0}, first, first)
    assert desk.projections.status("members").parked == 0
    assert append(desk.events, borrowed("m1")) == first + 1, "no position was drawn"


def test_what_the_database_refuses_refuses_the_command(database: Database) -> None:
    class Curt(Members):
        inline = True

        @on(MemberJoined, key="member_id", creates=True)
        def joined(row: Any, event: MemberJoined) -> None:
            row.name = event.name if len(event.name) < 10 else None

    desk = InlineDesk(database, Curt)
    with pytest.raises(InlineRefused, match="a value is required"):
        append(desk.events, joined("m1", "Wilhelmina"))
    assert desk.events.head() == 0


def test_a_dry_run_asks_the_handlers_and_leaves_nothing(desk: InlineDesk) -> None:
    last = append(desk.events, joined("m1"))

    def work(book: str) -> Work:
        events = (recorded(borrowed("m1", book)),)
        return Work(command_id="c", correlation_id="c", appends=(StreamAppend(stream="library-1", events=events),))

    with pytest.raises(InlineRefused):
        desk.events.commit(work("Dracula"), dry_run=True)
    desk.events.commit(work("Emma"), dry_run=True)
    assert (desk.loans(), desk.checkpoint(), desk.events.head()) == ({"m1": 0}, last, last)
    assert append(desk.events, borrowed("m1")) == last + 1, "no position was drawn"


def test_a_refusal_of_the_log_leaves_the_rows_alone(desk: InlineDesk) -> None:
    append(desk.events, joined("m1"))
    with pytest.raises(ConcurrencyError):
        desk.events.append("library-1", [recorded(borrowed("m1"))], expected=Expected.NO_STREAM)
    assert desk.loans() == {"m1": 0}


def test_one_that_was_added_later_is_caught_up_by_the_runner_first(database: Database) -> None:
    upgrade(database, READ)
    before = Desk(database, (Members,))
    append(before.events, joined("m1"), *[borrowed("m1") for _ in range(MOST_BEHIND)])
    desk = InlineDesk(database)
    last = append(desk.events, borrowed("m1"))
    assert desk.checkpoint() == 0
    assert desk.loans() == {}
    assert desk.projections.catch_up("members") == MOST_BEHIND + 2
    assert desk.checkpoint() == last
    append(desk.events, borrowed("m1"))
    assert desk.loans() == {"m1": MOST_BEHIND + 2}


def test_few_missing_events_are_taken_along(database: Database) -> None:
    upgrade(database, READ)
    before = Desk(database, (Members,))
    append(before.events, joined("m1"), borrowed("m1"))
    desk = InlineDesk(database)
    append(desk.events, ShelfPainted(colour="red"))
    assert desk.checkpoint() == 0, "nothing of it is handled"
    last = append(desk.events, borrowed("m1"), ShelfPainted(colour="blue"))
    assert (desk.loans(), desk.checkpoint()) == ({"m1": 2}, last)


def test_a_missing_event_that_fails_is_left_to_the_runner(database: Database) -> None:
    """Nobody is refused for what somebody else did."""
    upgrade(database, READ)
    before = Desk(database, (Members,))
    append(before.events, joined("m1"), borrowed("m1", "Dracula"))
    desk = InlineDesk(database)
    append(desk.events, joined("m2"))
    assert desk.loans() == {}
    desk.projections.catch_up("members")
    assert desk.loans() == {"m1": 0, "m2": 0}
    append(desk.events, borrowed("m1"), borrowed("m2"))
    assert desk.loans() == {"m1": 0, "m2": 1}, "the events of a parked key wait with it"
    (parked,) = desk.projections.parked("members").items
    assert (parked.key, parked.held) == ("m1", 2)


def test_what_a_process_may_have_died_of_is_left_to_the_runner(database: Database) -> None:
    upgrade(database, READ)
    before = Desk(database, (Members,), lease_seconds=0.01)
    append(before.events, joined("m1"))
    before.projections.runner("members", "killed").step()
    append(before.events, borrowed("m1"))
    desk = InlineDesk(database)
    runner = desk.projections.runner("members", "w1")
    wait_until(lambda: runner.step().position is not None)
    desk.sql("UPDATE generations SET position = 1, suspect = 0 WHERE projection = 'members'")
    append(desk.events, joined("m2"))
    assert desk.loans().keys() == {"m1"}


def test_commands_go_on_while_it_is_paused(desk: InlineDesk) -> None:
    append(desk.events, joined("m1"))
    desk.projections.pause("members", actor="ada")
    last = append(desk.events, borrowed("m1"), borrowed("m1", "Dracula"), joined("m2"))
    assert desk.loans() == {"m1": 0}
    desk.projections.resume("members", actor="ada")
    desk.projections.catch_up("members")
    assert (desk.loans(), desk.checkpoint()) == ({"m1": 1, "m2": 0}, last)
    append(desk.events, borrowed("m2"))
    assert desk.loans() == {"m1": 1, "m2": 1}


def test_other_columns_in_the_code_leave_the_rows_alone(database: Database) -> None:
    desk = InlineDesk(database)
    append(desk.events, joined("m1"))
    desk.sql("UPDATE generations SET shape = '[]' WHERE projection = 'members'")
    append(desk.events, joined("m2"))
    assert desk.loans() == {"m1": 0}


def test_a_runner_that_is_idle_finds_nothing_left_to_do(desk: InlineDesk) -> None:
    runner = desk.projections.runner("members", "w1")
    runner.step()
    last = append(desk.events, joined("m1"), borrowed("m1"))
    outcome = runner.step()
    assert (outcome.applied, outcome.position, outcome.why) == (0, last, None)
    painted = append(desk.events, ShelfPainted(colour="red"))
    assert runner.step().position == painted
    assert desk.loans() == {"m1": 1}


def test_waiters_are_told(desk: InlineDesk) -> None:
    reached: list[int] = []
    last = append(desk.events, joined("m1"))
    waiter = threading.Thread(target=lambda: reached.append(desk.projections.wait(["members"], last + 1, 10)))
    waiter.start()
    append(desk.events, borrowed("m1"))
    waiter.join()
    assert reached == [last + 1]


def test_many_writers_and_runners_apply_every_event_once(new_database: DatabaseFactory) -> None:
    desk = InlineDesk(new_database(), sizes=Sizes(live=7))
    append(desk.events, *(joined(f"m{n}") for n in range(4)))
    done, refused = threading.Event(), list[str]()

    def write(n: int) -> None:
        own = InlineDesk(new_database())
        for k in range(20):
            book = "Dracula" if k % 10 == 9 else "Emma"
            try:
                own.events.append(f"desk-{n}", [recorded(borrowed(f"m{k % 4}", book)), recorded(borrowed(f"m{n}"))])
            except InlineRefused as error:
                refused.append(str(error))
            own.events.append(f"shelf-{n}", [recorded(ShelfPainted(colour="red"))])

    def move(owner: str) -> None:
        runner = desk.projections.runner("members", owner)
        while not done.is_set():
            runner.step()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    movers = [threading.Thread(target=move, args=(f"w{n}",)) for n in range(2)]
    for thread in (*writers, *movers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in movers:
        thread.join()
    assert len(refused) == 4 * 2
    assert sum(desk.loans().values()) == 4 * 18 * 2
    rows = desk.rows("members")
    run_to_end(desk.projections.runner("members", "w9"))
    assert desk.rows("members") == rows, "no event was left over"
    assert desk.rows("members", desk.build("members")) == rows


@pytest.fixture
def house(database: Database) -> House:
    house = House(database, Prompt)
    store = house.store._store
    house.events.take_along(InlineProjections([Prompt], types=TYPES, store=store))
    return house


def test_a_replay_beside_commands(house: House) -> None:
    append(house.events, *(joined(f"m{n:04}") for n in range(50)))
    stop, written = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            append(house.events, borrowed(f"m{written[0] % 50:04}"))
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_until(lambda: written[0] > 20)
        operation = house.replay()
        before = written[0]
        wait_until(lambda: written[0] > before + 5)
    finally:
        stop.set()
        writer.join()
    assert (operation.state, house.states()) == ("succeeded", {1: "kept", 2: "live"})
    assert sum(loans for _, loans, _ in house.rows().values()) == written[0]
    assert house.projections.status("members").lag_events == 0


def test_commands_wait_while_the_rows_are_held_for_a_swap(house: House) -> None:
    append(house.events, joined("m1"))
    (live,) = (each for each in house.store.generations()[1] if each.state is GenerationState.LIVE)
    held = house.store.hold(live, owner="operation 1", seconds=5)
    done = threading.Event()

    def write() -> None:
        append(house.events, borrowed("m1"))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not done.wait(0.1)
    assert house.events.head() == 1
    append(house.events, ShelfPainted(colour="red"))
    house.store.release(held)
    writer.join()
    assert house.rows()["m1"][1] == 1


def test_a_swapper_that_died_does_not_stop_the_commands(house: House) -> None:
    append(house.events, joined("m1"))
    (live,) = (each for each in house.store.generations()[1] if each.state is GenerationState.LIVE)
    house.store.hold(live, owner="operation 1", seconds=0.2)
    append(house.events, borrowed("m1"))
    assert house.rows()["m1"][1] == 1


class PromptLoans(LentBooks):
    inline = True


def test_the_rows_must_lie_beside_the_log(new_runtime: RuntimeFactory) -> None:
    domain = replace(library, projections=[PromptLoans])
    with pytest.raises(DomainFault, match="lent_books is inline, so its rows must lie in the database of the log"):
        new_runtime(domain, READ_DATABASE_URL="sqlite:///elsewhere.db")


def test_a_query_right_after_the_command_knows_of_it(new_runtime: RuntimeFactory) -> None:
    """With no worker anywhere."""
    runtime = new_runtime(replace(library, projections=[PromptLoans]))
    runtime.init()
    book = runtime.mediator.send(BuyBook(title="Emma", price=Decimal("9.00"), mark="E1")).result["book_id"]
    context = Context(wait_for=("lent_books",))
    sent = runtime.mediator.send(LendBook(book_id=book, reader="Ada"), context)
    assert sent.visible
    assert runtime.mediator.ask(CountLent()) == QueryAnswer(value=1, position=sent.position)
