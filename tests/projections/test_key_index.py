"""A lookup by key finds exactly the events that a full fold gives to the key, however far the index has come."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs.errors import KeyUnreadable, NotFound
from cqrs.identifiers import new_id
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projection import Projection, on
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.keys import key_text
from tests.projections.conftest import Desk, DeskFactory
from tests.projections.library import (
    NOON,
    TYPES,
    BookBorrowed,
    BookPassedOn,
    Days,
    MemberJoined,
    MemberLeft,
    Members,
    ShelfPainted,
    append,
    borrowed,
    joined,
    recorded,
    stored,
)

member = st.sampled_from(["m1", "m2", "ä/~", '["m1"]'])
fresh = st.one_of(
    st.builds(MemberJoined, member_id=member, name=st.just("Ada")),
    st.builds(BookPassedOn, giver=member, taker=member),
    st.builds(MemberLeft, member_id=member),
    st.builds(ShelfPainted, colour=st.just("red")),
)
events = st.one_of(
    st.builds(recorded, fresh),
    st.builds(lambda who, days: recorded(borrowed(who), at=NOON + timedelta(days=days)), member, st.integers(0, 2)),
    st.builds(
        lambda who: stored("MemberJoined", msgspec.json.encode({"id": who, "name": "Ada"}), version=1), member
    ),
    st.builds(lambda who: stored("BookBorrowed", msgspec.json.encode({"member_id": who})), member),
    st.just(stored("MemberLeft", b'{"member": "m1"}')),
)  # fmt: skip


def routed(desk: Desk, projection: type[Projection]) -> dict[str, list[int]]:
    """Positions by key as the fold routes them, by reading everything."""
    router = Router(projection, TYPES, desk.events.get)
    found: dict[str, list[int]] = {}
    for raw in desk.events.raw_events(0, None, router.handled, 10_000, columns=router.columns):
        for key in fold_keys(router, raw):
            found.setdefault(key_text(key), []).append(raw[0])
    return found


def fold_keys(router: Router, raw: Raw) -> list[Any]:
    """As the fast fold has them; where it cannot decode the event, as the careful one."""
    with suppress(Exception):
        return [step[2] for step in router.steps([raw])]
    with suppress(KeyUnreadable):
        return router.keys_of(raw)
    return []


def index(desk: Desk, *projections: type[Projection]) -> KeyIndex:
    return KeyIndex(projections or (Members, Days), events=desk.events, types=TYPES, database=desk.database)


@settings(max_examples=30)
@given(history=st.lists(events, max_size=30), indexed=st.integers(0, 30), until=st.integers(0, 35), data=st.data())
def test_a_lookup_is_what_the_fold_routes(
    new_desk: DeskFactory, history: list[Any], indexed: int, until: int, data: Any
) -> None:
    desk = new_desk(name=f"{new_id()}.db")
    keys = index(desk)
    for each in (history[:indexed], history[indexed:]):
        for happened in each:
            append(desk.events, replace(happened, event_id=new_id()))
        if each is not history[indexed:] or data.draw(st.booleans()):
            while keys.follow():
                pass
    for projection in (Members, Days):
        expected = routed(desk, projection)
        for key in {*expected, "nobody"}:
            positions = [position for position in expected.get(key, []) if position <= until]
            assert keys.positions_of(projection.name, key, until=until) == positions
    desk.database.dispose()


def test_an_index_can_be_followed_step_by_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs.projections.key_follower.STEP", 3)
    monkeypatch.setattr("cqrs.projections.key_index.PAGE", 3)
    append(desk.events, joined("m1"), *[borrowed("m1") for _ in range(10)])
    keys = index(desk)
    seen = [keys.indexed_to()]
    while keys.follow():
        seen.append(keys.indexed_to())
        assert keys.positions_of("members", "m1") == list(range(1, 12))
    assert seen[0] == 0
    assert seen[-1] == 11
    assert len(seen) > 3


def test_a_projection_added_later_gets_its_whole_history(desk: Desk) -> None:
    append(desk.events, joined("m1"), borrowed("m1"))
    members = index(desk, Members)
    while members.follow():
        pass
    both = index(desk, Members, Days)
    assert both.indexed_to() == 0
    while both.follow():
        pass
    assert both.positions_of("days", '["2026-11-22","Emma"]') == [2]
    assert both.indexed_to() == 2


def test_a_key_read_otherwise_is_another_index(desk: Desk) -> None:
    own = sa.Table("members", sa.MetaData(), sa.Column("member_id", sa.Text, primary_key=True))

    class Shelves(Projection):
        table = own

        @on(MemberJoined, key=lambda event: event.member_id.upper(), creates=True)
        def joined(row: Any, event: MemberJoined) -> None: ...

    append(desk.events, joined("m1"))
    old = index(desk, Members)
    while old.follow():
        pass
    new = index(desk, Shelves)
    assert new.positions_of("members", "M1") == [1]
    while new.follow():
        pass
    assert new.positions_of("members", "M1") == [1]
    assert new.positions_of("members", "m1") == []
    assert old.positions_of("members", "m1") == [1]


def test_two_followers_do_no_harm(new_desk: DeskFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs.projections.key_follower.STEP", 2)
    desk = new_desk()
    append(desk.events, *[joined(f"m{n}") for n in range(9)])
    one, other = index(desk), index(new_desk())
    while one.follow() | other.follow():
        pass
    assert desk.sql("SELECT count(*) FROM event_keys") == [(9,)]


def test_the_events_come_whole(desk: Desk) -> None:
    append(desk.events, joined("m1"), borrowed("m2"), borrowed("m1"))
    found = index(desk).events_of("members", "m1")
    assert [(event.position, event.type) for event in found] == [(1, "MemberJoined"), (3, "BookBorrowed")]


def test_an_unknown_projection(desk: Desk) -> None:
    with pytest.raises(NotFound):
        index(desk).events_of("users", "m1")


def test_a_shared_way_gives_each_projection_only_its_own_events(desk: Desk) -> None:
    own = sa.Table("borrowers", sa.MetaData(), sa.Column("member_id", sa.Text, primary_key=True))

    class Borrowers(Projection):
        table = own

        @on(BookBorrowed, key="member_id", creates=True)
        def borrowed(row: Any, event: BookBorrowed) -> None: ...

    append(desk.events, joined("m1"), borrowed("m1"), MemberLeft(member_id="m1"))
    keys = index(desk, Members, Borrowers)
    for _ in range(2):
        assert keys.positions_of("members", "m1") == [1, 2, 3]
        assert keys.positions_of("borrowers", "m1") == [2]
        while keys.follow():
            pass
    names = {name for (name,) in desk.sql("SELECT key_name FROM key_ids")}
    assert names == {"member_id", "members:both"}
