"""What every store of read models must do. A test class inherits `ReadModelStoreContract` and provides the fixture
`store`, and `expire`, which makes all leases run out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import Fenced, InexactValue, KeyChanged, NoKeyToSetAside, NotStopped, RowsRefused
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Failure, Generation, GenerationState
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.set_aside import Park, ParkedKey, Skip
from cqrs.readmodels.store import GenerationRows, ReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

accounts = RowModel(
    sa.Table(
        "accounts",
        sa.MetaData(),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, unique=True),
        sa.Column("balance", Money, nullable=False, default=0),
        sa.Column("visits", sa.BigInteger, nullable=False, default=0),
        sa.Column("opened_at", UtcDateTime),
        sa.Column("born_on", sa.Date),
        sa.Column("rate", sa.Float),
        sa.Column("open", sa.Boolean, default=True),
        sa.Column("notes", sa.JSON, default={}),
        sa.Column("seal", sa.LargeBinary),
    )
)

ledger = RowModel(
    sa.Table(
        "ledger",
        sa.MetaData(),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("branch", sa.Integer, primary_key=True),
        sa.Column("entries", sa.Integer, nullable=False, default=0),
        sa.Index("ix_entries", "entries"),
    )
)

VALUES: list[tuple[str, Any, Any]] = [
    ("owner", None, None),
    ("owner", "", ""),
    ("owner", "zoë 🎈 '\"\\", "zoë 🎈 '\"\\"),
    ("balance", 7, Decimal("7.00")),
    ("balance", Decimal("1.5"), Decimal("1.50")),
    ("balance", Decimal("-0.00"), Decimal("0.00")),
    ("balance", Decimal("9999999999999.99"), Decimal("9999999999999.99")),
    ("balance", Decimal("1E+3"), Decimal("1000.00")),
    ("visits", 2**63 - 1, 2**63 - 1),
    ("visits", -(2**63), -(2**63)),
    ("opened_at", datetime(2026, 1, 1, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), None),
    ("opened_at", datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
    ("opened_at", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), None),
    ("born_on", date(1815, 12, 10), date(1815, 12, 10)),
    ("rate", 0.1 + 0.2, 0.1 + 0.2),
    ("rate", 3, 3.0),
    ("open", False, False),
    ("notes", {"a": [1, 1.0, None, "ä"]}, {"a": [1, 1.0, None, "ä"]}),
    ("notes", {1: (2, 3)}, {"1": [2, 3]}),
    ("notes", "1.0", "1.0"),
    ("notes", 5, 5),
    ("notes", None, None),
    ("seal", b"\x00\xff", b"\x00\xff"),
]

REFUSED: list[tuple[str, Any]] = [
    ("owner", "a\0b"),
    ("owner", "\ud800"),
    ("owner", 7),
    ("balance", None),
    ("balance", 0.1),
    ("balance", True),
    ("balance", Decimal("0.005")),
    ("balance", Decimal("1E+13")),
    ("balance", Decimal("NaN")),
    ("balance", Decimal("sNaN")),
    ("balance", Decimal("Infinity")),
    ("visits", 2**63),
    ("visits", 1.0),
    ("visits", "1"),
    ("visits", True),
    ("opened_at", datetime(2026, 1, 1)),
    ("opened_at", "2026-01-01"),
    ("born_on", NOON),
    ("rate", float("nan")),
    ("rate", Decimal(1)),
    ("open", 1),
    ("notes", {"a": object()}),
    ("seal", "text"),
]


def account(key: str, position: int = 1, **values: Any) -> Any:
    row = accounts.new_row(key)
    for name, value in values.items():
        setattr(row, name, value)
    row._pos = position
    return row


def parked(key: str, position: int) -> ParkedKey:
    return ParkedKey(key=key, position=position, event_type="E", error="no", traceback=None, attempts=2)


class ReadModelStoreContract:
    @pytest.fixture
    def held(self, store: ReadModelStore) -> Generation:
        """The live generation of the accounts, its lease taken."""
        number = store.ensure(accounts, shape="[]", logic="1").number
        held = store.acquire("accounts", number, owner="w1")
        assert held is not None
        return held

    @pytest.fixture
    def rows(self, store: ReadModelStore, held: Generation) -> GenerationRows:
        return store.rows(accounts, held.number)

    def write(self, rows: GenerationRows, held: Generation, *written: Any, position: int = 1) -> Generation:
        keys = [row.key for row in written]
        return rows.commit(held, Batch(position=position, event_id="e", upserts=rows.pack(keys, written)))

    # Values

    @pytest.mark.parametrize(("column", "value", "expected"), VALUES)
    def test_a_value_is_settled_to_what_is_read_back(
        self, rows: GenerationRows, held: Generation, column: str, value: Any, expected: Any
    ) -> None:
        row = account("a", **{column: value})
        packed = rows.pack(["a"], [row], settle=True)
        rows.commit(held, Batch(position=1, event_id="e", upserts=packed))
        loaded = rows.load(["a"]).rows["a"]
        settled, read = getattr(row, column), getattr(loaded, column)
        assert repr(settled) == repr(read)
        assert read == (value if expected is None else expected)
        if expected is not None:
            assert repr(read) == repr(expected)

    @pytest.mark.parametrize(("column", "value"), REFUSED)
    def test_what_could_not_be_read_back_is_refused_before_writing(
        self, rows: GenerationRows, column: str, value: Any
    ) -> None:
        good, bad = account("a"), account("b", **{column: value})
        with pytest.raises(InexactValue) as refused:
            rows.pack(["a", "b"], [good, bad])
        assert column in str(refused.value)
        assert list(rows.faults(["a", "b"], [good, bad])) == ["b"]

    def test_a_row_keeps_its_key(self, rows: GenerationRows) -> None:
        row = account("a")
        row.id = "b"
        with pytest.raises(KeyChanged):
            rows.pack(["a"], [row])

    def test_a_row_is_read_back_whole_with_its_position(self, rows: GenerationRows, held: Generation) -> None:
        self.write(rows, held, account("a", 7, owner="Ada", visits=3), account("b", 8))
        loaded = rows.load(["a", "b", "c"]).rows
        assert loaded.keys() == {"a", "b"}
        assert (loaded["a"].owner, loaded["a"].visits, loaded["a"]._pos) == ("Ada", 3, 7)
        assert loaded["b"]._pos == 8

    def test_writing_a_row_again_replaces_all_of_it(self, rows: GenerationRows, held: Generation) -> None:
        held = self.write(rows, held, account("a", owner="Ada", seal=b"x"))
        self.write(rows, held, account("a", 2, visits=1), position=2)
        row = rows.load(["a"]).rows["a"]
        assert (row.owner, row.seal, row.visits) == (None, None, 1)

    def test_many_rows_at_once(self, rows: GenerationRows, held: Generation) -> None:
        assert rows.is_empty()
        many = [account(f"a{n}", visits=n) for n in range(1_234)]
        self.write(rows, held, *many)
        assert not rows.is_empty()
        assert (rows.count(10_000), rows.count(5)) == (1_234, 5)
        loaded = rows.load([row.key for row in many]).rows
        assert [loaded[f"a{n}"].visits for n in range(1_234)] == list(range(1_234))

    def test_composite_keys(self, store: ReadModelStore) -> None:
        held = store.acquire("ledger", store.ensure(ledger, shape="[]", logic="1").number, owner="w1")
        assert held is not None
        rows = store.rows(ledger, held.number)
        keys = [(date(2026, 1, day), branch) for day in (1, 2) for branch in (1, 2)]
        packed = rows.pack(keys, [ledger.new_row(key) for key in keys])
        held = rows.commit(held, Batch(position=1, event_id="e", upserts=packed))
        rows.commit(held, Batch(position=2, event_id="e", deletes=keys[1:3]))
        assert rows.load(keys).rows.keys() == {keys[0], keys[3]}
        assert rows.load(keys).rows[keys[0]].key == keys[0]

    # The checkpoint

    def test_a_batch_moves_rows_and_checkpoint_together(
        self, store: ReadModelStore, rows: GenerationRows, held: Generation
    ) -> None:
        held = self.write(rows, held, account("a"), account("b"))
        after = rows.commit(
            held, Batch(position=9, event_id="e9", deletes=["a"], parked=[parked("c", 8)], held=[("c", 8), ("c", 9)])
        )
        (found,) = store.generations()[1]
        assert (found.position, found.event_id, found.token) == (9, "e9", after.token)
        assert found.advanced_at is not None
        assert rows.load(["a", "b"]).rows.keys() == {"b"}
        assert store.parked_positions("accounts", held.number) == {"c": 8}
        assert store.parked("accounts", held.number, after=None, limit=9)[0].held == 2

    @pytest.mark.parametrize("change", [{"token": 99}, {"position": 5}])
    def test_an_old_view_of_the_generation_is_fenced_and_writes_nothing(
        self, store: ReadModelStore, rows: GenerationRows, held: Generation, change: dict[str, int]
    ) -> None:
        stale = dataclasses.replace(held, **change)
        with pytest.raises(Fenced):
            self.write(rows, stale, account("a"), position=9)
        assert rows.is_empty()
        assert store.generations()[1][0].position == 0

    def test_a_refused_row_takes_the_whole_batch_with_it(
        self, store: ReadModelStore, rows: GenerationRows, held: Generation
    ) -> None:
        twins = [account("a", owner="Ada"), account("b", owner="Ada")]
        with pytest.raises(RowsRefused):
            self.write(rows, held, *twins)
        assert rows.is_empty()
        assert store.generations()[1][0].position == 0

    def test_which_row_is_refused_can_be_found_out_without_writing(
        self, rows: GenerationRows, held: Generation
    ) -> None:
        self.write(rows, held, account("a", owner="Ada"))
        packed = rows.pack(["b", "c"], [account("b", owner="Ada"), account("c", owner="Alan")])
        first, second = rows.refusals(packed)
        assert first is not None
        assert second is None
        assert rows.count(9) == 1

    @pytest.mark.parametrize("halt", ["pause", "fail"])
    def test_nothing_moves_while_it_is_halted(
        self, store: ReadModelStore, rows: GenerationRows, held: Generation, halt: str
    ) -> None:
        if halt == "pause":
            store.pause("accounts", by="ada", reason="why not")
        else:
            store.fail(held, failure())
        with pytest.raises(Fenced):
            self.write(rows, held, account("a"))
        (found,) = store.generations()[1]
        assert found.halted
        assert found.failure == (None if halt == "pause" else failure())
        store.resume("accounts")
        assert not store.generations()[1][0].halted
        self.write(rows, held, account("a"))

    # Building

    def test_a_build_is_written_in_slices_and_its_checkpoint_last(self, store: ReadModelStore) -> None:
        building = self.building(store)
        rows = store.rows(accounts, building.number)
        many = [account(f"a{n}") for n in range(5_001)]
        packed = rows.pack([row.key for row in many], many)
        building = rows.commit_sliced(building, Batch(position=7, event_id="e", upserts=packed))
        rest = rows.pack([row.key for row in many[:4_000]], many[:4_000])
        after = rows.commit_sliced(building, Batch(position=9, event_id="f", upserts=rest, deletes=["a4500"]))
        assert rows.count(9_999) == 5_000
        assert after.position == 9

    def test_a_fenced_build_writes_no_slice(self, store: ReadModelStore) -> None:
        building = self.building(store)
        rows = store.rows(accounts, building.number)
        many = [account(f"a{n}") for n in range(5_001)]
        packed = rows.pack([row.key for row in many], many)
        with pytest.raises(Fenced):
            rows.commit_sliced(dataclasses.replace(building, token=99), Batch(position=7, event_id="e", upserts=packed))
        assert rows.is_empty()

    def test_generations_do_not_get_in_each_others_way(self, store: ReadModelStore, held: Generation) -> None:
        building = self.building(store)
        assert (building.number, building.state) == (held.number + 1, GenerationState.BUILDING)
        self.write(store.rows(accounts, building.number), building, account("a"))
        assert store.rows(accounts, held.number).is_empty()

    def building(self, store: ReadModelStore) -> Generation:
        store.ensure(accounts, shape="[]", logic="1")
        number = store.create(accounts, shape="[]", logic="1").number
        held = store.acquire("accounts", number, owner="builder")
        assert held is not None
        return held

    def test_ensuring_twice_makes_one(self, store: ReadModelStore, held: Generation) -> None:
        again = store.ensure(accounts, shape="[]", logic="2")
        assert (again.number, again.logic) == (held.number, "1")
        assert len(store.generations()[1]) == 1

    # Leases

    def test_a_lease_is_had_by_one(self, store: ReadModelStore, held: Generation) -> None:
        assert store.acquire("accounts", held.number, owner="w2") is None
        assert store.acquire("accounts", 99, owner="w2") is None

    def test_who_takes_over_fences_off_who_was_silent(
        self, store: ReadModelStore, rows: GenerationRows, held: Generation, expire: Callable[[], None]
    ) -> None:
        expire()
        taken = store.acquire("accounts", held.number, owner="w2")
        assert taken is not None
        assert taken.token > held.token
        for attempt in (
            lambda: store.renew(held),
            lambda: store.fail(held, failure()),
            lambda: self.write(rows, held, account("a")),
        ):
            with pytest.raises(Fenced):
                attempt()
        store.release(held)
        assert store.generations()[1][0].owner == "w2"
        self.write(rows, taken, account("a"))

    def test_a_renewed_lease_does_not_run_out(
        self, store: ReadModelStore, held: Generation, expire: Callable[[], None]
    ) -> None:
        expire()
        assert store.renew(held).token == held.token
        assert store.acquire("accounts", held.number, owner="w2") is None

    def test_a_released_lease_is_free(self, store: ReadModelStore, held: Generation) -> None:
        store.release(held)
        assert store.acquire("accounts", held.number, owner="w2") is not None

    def test_a_lease_ends_by_the_clock_of_the_database(self, store: ReadModelStore, held: Generation) -> None:
        now, (found,) = store.generations()
        assert found.lease_until is not None
        left = (found.lease_until - now).total_seconds()
        assert store.lease_seconds - 5 < left <= store.lease_seconds + 0.01

    # Parked keys

    def test_parked_keys_by_page_and_count(self, store: ReadModelStore, rows: GenerationRows, held: Generation) -> None:
        keys = ["b", "a", "ä", "B"]
        rows.commit(held, Batch(position=4, event_id="e", parked=[parked(key, 3) for key in keys]))
        page = store.parked("accounts", held.number, after=None, limit=2)
        rest = store.parked("accounts", held.number, after=page[-1].key, limit=9)
        assert [each.key for each in (*page, *rest)] == ["B", "a", "b", "ä"]
        assert store.parked_counts() == {("accounts", held.number): 4}
        assert store.parked_since("accounts", held.number, 60) == 4
        assert page[0].parked_at is not None

    # Going on without what failed

    def test_the_key_it_stopped_at_is_parked_and_whoever_moved_it_is_fenced(
        self, store: ReadModelStore, rows: GenerationRows, held: Generation
    ) -> None:
        store.fail(held, failure("a"))
        with pytest.raises(NotStopped):
            store.park_failing("accounts", Park(4, "ana", None, 2))
        parked = store.park_failing("accounts", Park(3, "ana", "why", 2))
        assert store.find_parked("accounts", held.number, "a") == dataclasses.replace(
            parked, parked_at=store.parked("accounts", held.number, after=None, limit=1)[0].parked_at
        )
        assert not store.generations()[1][0].halted
        with pytest.raises(Fenced):
            self.write(rows, held, account("a"))

    def test_the_event_it_stopped_at_is_skipped_and_told(self, store: ReadModelStore, held: Generation) -> None:
        store.fail(held, failure())
        with pytest.raises(NoKeyToSetAside):
            store.skip_failing("accounts", Skip(3, "ana", "why"))
        store.fail(held, failure("a"))
        assert store.skip_failing("accounts", Skip(3, "ana", "why")) == "a"
        assert store.skips("accounts") == {3: {"a"}}
        (told,) = store.skipped("accounts", before=None, limit=9)
        assert (told.position, told.key, told.reason, told.by) == (3, "a", "why", "ana")
        assert store.skipped("accounts", before=(3, "a"), limit=9) == []
        assert store.parked_counts() == {}


def failure(key: str | None = None) -> Failure:
    return Failure(position=3, event_type="E", key=key, error="no", traceback=None, at=NOON)
