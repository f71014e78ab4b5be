"""What the fault campaign does to a database again and again, and how to tell what came of it.

Each operation is one transaction as far as anybody can see. `prepare` makes work for it, `run` does the work and
raises when it did not, also when it is repeated after a failure, and `state` is what others can see of it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.errors import ConcurrencyError
from cqrs.identifiers import new_id
from cqrs.projections.projection import Projection, on
from cqrs.readmodels import sql_rows
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.store.records import IdempotencyKey, NewEvent, StateWrite, StreamAppend, Work
from cqrs.workers.leases import Leases
from tests.projections.library import BookBorrowed, MemberJoined, append, borrowed, joined, members, recorded
from tests.reliability.conftest import Shelf
from tests.reliability.desk import run_to_end
from tests.reliability.tallies import TORN, Tallies, TornPages


class Members(Projection):
    """Loans by member; an event about a torn book cannot be applied."""

    table = members

    @on(MemberJoined, key="member_id", creates=True)
    def joined(row: Any, event: MemberJoined) -> None:
        row.name = event.name

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        if event.book == TORN:
            raise TornPages
        row.loans += 1
        row.owed += event.fee


class StrictMembers(Members):
    on_error = "stop"


class Operation:
    projection: type[Projection] = Members
    #: Fewer calls than this and the faults would miss what they are about.
    fewest_calls = 3

    def __init__(self, shelf: Shelf) -> None:
        #: Meets the faults.
        self.desk = shelf.desk(projections=(self.projection,), lease_seconds=60)
        #: Sees what others see, and meets none.
        self.observer = shelf.desk(projections=(self.projection,), lease_seconds=60)
        self.numbers = itertools.count(1)
        self.begin()

    def begin(self) -> None:
        """Once, before any fault."""

    def prepare(self) -> None:
        raise NotImplementedError

    def run(self) -> None:
        raise NotImplementedError

    def state(self) -> Any:
        raise NotImplementedError

    def check(self) -> None:
        """After the operation has succeeded: what must be true whatever happened before."""

    def live(self) -> Generation:
        return next(each for each in self.observer.store.generations()[1] if each.state is GenerationState.LIVE)

    def log(self) -> list[tuple[Any, ...]]:
        """The events by stream and version; positions may have holes."""
        events = self.observer.events.read_all(limit=1_000_000)
        return [(event.stream, event.version, event.event_id) for event in events]

    def table(self, name: str) -> list[Any]:
        with self.observer.read.read() as connection:
            return sorted(map(tuple, connection.exec_driver_sql(f"SELECT * FROM {name}").all()), key=str)


class AppendAlone(Operation):
    """Events of one stream and nothing else, at the version it is expected to have."""

    fewest_calls = 1  # on PostgreSQL a single statement does it all

    def prepare(self) -> None:
        self.before = self.observer.events.stream_version("library-1")
        self.new: list[NewEvent] = [recorded(joined(new_id())) for _ in range(2)]

    def run(self) -> None:
        try:
            self.desk.events.append("library-1", self.new, expected=self.before)
        except ConcurrencyError:
            # Whoever got no answer finds out: somebody was first, and it was oneself.
            stored = self.desk.events.read_stream("library-1", after=self.before)
            assert [each.event_id for each in stored] == [each.event_id for each in self.new]

    def state(self) -> Any:
        return self.log()

    def check(self) -> None:
        stored = Counter(event_id for _, _, event_id in self.log())
        assert all(stored[each.event_id] == 1 for each in self.new)


class Commit(Operation):
    """All a command wants written: its key, a row of its own table, events of two streams."""

    def begin(self) -> None:
        self.cards = sa.Table("cards", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True))
        with self.observer.main.write() as connection:
            self.cards.create(connection)

    def prepare(self) -> None:
        n = next(self.numbers)
        new = [recorded(joined(new_id())) for _ in range(3)]
        self.work = Work(
            command_id=f"command-{n}",
            correlation_id=f"visit-{n}",
            appends=(
                StreamAppend(stream=f"member-{n}", events=tuple(new[:2]), expected=0),
                StreamAppend(stream="door-1", events=tuple(new[2:])),
            ),
            writes=(StateWrite(statement=sa.insert(self.cards).values(id=f"card-{n}")),),
            key=IdempotencyKey(actor="ada", command="Join", key=f"key-{n}", body_hash="same"),
            result={"member": n},
        )

    def run(self) -> None:
        done = self.desk.events.commit(self.work)
        assert done.repeated is None or done.repeated.result == self.work.result

    def state(self) -> Any:
        return self.log(), self.table("cards"), [row[:6] for row in self.table("idempotency")]

    def check(self) -> None:
        log, cards, keys = self.state()
        assert len(log) == 3 * len(cards) == 3 * len(keys)


class LiveBatch(Operation):
    """A batch of the generation that readers see, rows and checkpoint."""

    def begin(self) -> None:
        append(self.observer.events, *[joined(f"m{n}") for n in range(5)])
        self.runner = self.desk.projections.runner("members", "me")
        run_to_end(self.runner)

    def prepare(self) -> None:
        n = next(self.numbers)
        append(self.observer.events, *[borrowed(f"m{(n + each) % 7}") for each in range(4)], joined(f"new-{n}"))

    def run(self) -> None:
        run_to_end(self.runner)

    def state(self) -> Any:
        live = self.live()
        return live.position, live.event_id, self.table("members__g1")

    def check(self) -> None:
        assert self.observer.rows() == self.observer.folded()
        assert self.live().position == self.observer.events.head()


class Park(LiveBatch):
    """A batch with an event that cannot be applied: its key is set aside with all that follows."""

    def prepare(self) -> None:
        self.observer.sql("DELETE FROM parked_keys")  # so many in a row would stop the projection
        self.observer.sql("DELETE FROM parked_events")
        self.torn = f"torn-{next(self.numbers)}"
        events = joined(self.torn), borrowed(self.torn, TORN), borrowed("m1"), borrowed(self.torn)
        append(self.observer.events, *events)

    def state(self) -> Any:
        parked = [(key.key, key.position, key.held) for key in self.observer.projections.parked("members").items]
        return *super().state(), parked, self.table("parked_events")

    def check(self) -> None:
        (parked,) = self.observer.projections.parked("members").items
        assert (parked.key, parked.held) == (self.torn, 2)
        expected = {key: row for key, row in self.observer.folded().items() if not key.startswith("torn")}
        assert {key: row for key, row in self.observer.rows().items() if not key.startswith("torn")} == expected
        assert self.observer.rows()[self.torn][0] == 0


class Stop(LiveBatch):
    """A batch with an event at which the projection has to stop: what was before it is applied."""

    projection = StrictMembers

    def begin(self) -> None:
        super().begin()
        self.expected = self.observer.rows()["m1"][0]

    def prepare(self) -> None:
        self.observer.projections.resume("members", actor="ada")
        with self.observer.main.write() as connection:
            # What an operator would skip; here the next round begins behind it.
            position, event_id = self.observer.events.head(), self._newest()
            moved = "UPDATE generations SET position = :position, event_id = :id, token = token + 1"
            connection.execute(sa.text(moved), {"position": position, "id": event_id})
        self.runner.step()
        self.runner.step()
        append(self.observer.events, borrowed("m1"), borrowed("m2", TORN), borrowed("m1"))
        self.expected += 1

    def _newest(self) -> str:
        return self.observer.events.read_back(limit=1)[0].event_id

    def run(self) -> None:
        for _ in range(20):
            outcome = self.runner.step()
            if outcome.error is not None:
                raise outcome.error
            if self.live().failure is not None:
                return
        raise AssertionError("It does not stop at the event that fails.")

    def state(self) -> Any:
        return self.live().position, self.table("members__g1")

    def check(self) -> None:
        failure = self.live().failure
        assert failure is not None
        assert "TornPages" in failure.error
        assert self.live().position == failure.position - 1
        assert self.observer.rows()["m1"][0] == self.expected


class Statements(LiveBatch):
    """A batch of a SQL projection: what its handler executes in two tables, and the checkpoint."""

    projection = Tallies

    def begin(self) -> None:
        append(self.observer.events, *[joined(f"m{n}") for n in range(5)])
        self.runner = self.desk.projections.runner("tallies", "me")
        run_to_end(self.runner)

    def state(self) -> Any:
        live = self.live()
        return live.position, live.event_id, self.table("tallies__g1"), self.table("lent__g1")

    def check(self) -> None:
        assert self.observer.rows("tallies") == self.observer.folded()
        assert self.table("lent") == [("Emma", sum(loans for loans, _ in self.observer.folded().values()))]
        assert self.live().position == self.observer.events.head()


class StopStatements(Statements):
    """One with an event whose handler fails half-way: nothing of that event is applied, all before it is."""

    def prepare(self) -> None:
        # What an operator would skip; here the next round begins behind it.
        self.observer.projections.resume("tallies", actor="ada")
        self.observer.sql(
            f"UPDATE generations SET position = {self.observer.events.head()}, token = token + 1, event_id = "
            f"(SELECT event_id FROM events ORDER BY position DESC LIMIT 1)"
        )
        self.runner.step()
        self.runner.step()
        self.expected = self.observer.rows("tallies")["m1"][0] + 1
        append(self.observer.events, borrowed("m1"), borrowed("m1", TORN), borrowed("m1"))

    def run(self) -> None:
        for _ in range(20):
            outcome = self.runner.step()
            if outcome.error is not None:
                raise outcome.error
            if self.live().failure is not None:
                return
        raise AssertionError("It does not stop at the event that fails.")

    def check(self) -> None:
        failure = self.live().failure
        assert failure is not None
        assert "TornPages" in failure.error
        assert self.live().position == failure.position - 1
        assert self.observer.rows("tallies")["m1"][0] == self.expected
        assert self.table("lent") == [("Emma", self.expected)]


class SlicedBuild(Operation):
    """A generation nobody reads, written in many transactions of three rows; the last one moves the checkpoint."""

    SLICE = 3

    def begin(self) -> None:
        append(self.observer.events, *[joined(f"m{n}") for n in range(10)], *[borrowed(f"m{n}") for n in range(10)])
        self.observer.projections.catch_up()
        self.number = 1

    def prepare(self) -> None:
        assert sql_rows.SLICE == self.SLICE
        if self.number > 1:
            self.observer.store.drop(self.projection.model, self.number)
        self.number = self.observer.projections.create_generation("members")
        self.runner = self.desk.projections.runner("members", "me", generation=self.number)

    def run(self) -> None:
        run_to_end(self.runner)

    def state(self) -> Any:
        """Rows may be there before the checkpoint, but each is whole and says how far it is."""
        (built,) = [each for each in self.observer.store.generations()[1] if each.number == self.number]
        expected = self.observer.folded()
        early = self.observer.rows(generation=self.number)
        assert early.items() <= expected.items()
        assert self.observer.rows() == expected
        return built.position

    def check(self) -> None:
        assert self.observer.rows(generation=self.number) == self.observer.folded()


class TakeOver(Operation):
    """Of a projection whose worker has gone silent."""

    def prepare(self) -> None:
        self.observer.sql("UPDATE generations SET owner = 'silent', lease_until = '2026-01-01T00:00:00.000000Z'")
        self.token = self.live().token

    def run(self) -> None:
        held = self.desk.store.acquire("members", 1, owner="me")
        assert held is not None

    def state(self) -> Any:
        live = self.live()
        assert (live.owner == "me") == (live.token > self.token)
        return live.owner

    def check(self) -> None:
        live = self.live()
        assert live.owner == "me"
        assert live.lease_until is not None
        assert live.lease_until > self.observer.store.generations()[0]


class SchedulerLease(Operation):
    """Of the one process that fires schedules."""

    def begin(self) -> None:
        self.leases = Leases(self.desk.main)
        self.owner = "nobody"

    def prepare(self) -> None:
        with self.observer.main.write() as connection:
            connection.exec_driver_sql("UPDATE leases SET expires_at = '2026-01-01T00:00:00.000000Z'")
        self.owner = f"owner-{next(self.numbers)}"

    def run(self) -> None:
        assert self.leases.acquire("scheduler", self.owner, timedelta(seconds=60)) is not None

    def state(self) -> Any:
        return [row[:2] for row in self.table("leases")]

    def check(self) -> None:
        (row,) = self.table("leases")
        assert self.owner in row
        # However often it was asked for, the token grew only when it changed hands.
        assert int(self.owner.removeprefix("owner-")) in row


OPERATIONS = (
    AppendAlone, Commit, LiveBatch, Park, Stop, Statements, StopStatements, SlicedBuild, TakeOver, SchedulerLease,
)  # fmt: skip
