"""Histories of the library made up by hypothesis, and what they come to by the plainest code that can be."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import strategies as st

from cqrs.messages import Event
from cqrs.store.records import NewEvent
from tests.projections.library import (
    TYPES,
    BookBorrowed,
    BookPassedOn,
    MemberJoined,
    MemberLeft,
    ShelfPainted,
    stored,
)

MEMBERS = ["m1", "m2", "m3"]
member = st.sampled_from(MEMBERS)
fee = st.decimals(min_value=Decimal("-50"), max_value=Decimal("50"), places=2)
moment = st.datetimes(
    min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.sampled_from(
        [timezone(timedelta(hours=h)) for h in (-9, 0, 5)]
    )
)  # fmt: skip


def joined_in_old_form(member_id: str, name: str) -> NewEvent:
    return stored("MemberJoined", msgspec.json.encode({"id": member_id, "name": name}), version=1)


events = st.one_of(
    st.builds(MemberJoined, member_id=member, name=st.text(max_size=5).filter(lambda text: "\0" not in text)),
    st.builds(joined_in_old_form, member, st.sampled_from(["Ada", "Alan"])),
    st.builds(BookBorrowed, member_id=member, book=st.sampled_from(["Emma", "Ulysses"]), borrowed_at=moment, fee=fee),
    st.builds(BookPassedOn, giver=member, taker=member, fee=fee),
    st.builds(MemberLeft, member_id=member),
    st.builds(ShelfPainted, colour=st.just("red")),
)


def expected(history: list[Event | NewEvent]) -> dict[str, tuple[Any, ...]]:
    """The members by the plainest code that can be."""
    rows: dict[str, dict[str, Any]] = {}
    for each in history:
        happened = TYPES.decode(each.type, each.schema_version, each.data) if isinstance(each, NewEvent) else each
        match happened:
            case MemberJoined(member_id=key, name=name):
                rows.setdefault(key, {"loans": 0, "owed": Decimal(0), "at": None, "books": []})["name"] = name
            case BookBorrowed(member_id=key) if key in rows:
                rows[key]["loans"] += 1
                rows[key]["owed"] += happened.fee
                rows[key]["at"] = happened.borrowed_at
                rows[key]["books"].append(happened.book)
            case BookPassedOn():
                for key in {happened.giver, happened.taker} & rows.keys():
                    rows[key]["loans"] += 1 if key == happened.taker else -1
                    rows[key]["owed"] += happened.fee
            case MemberLeft(member_id=key):
                rows.pop(key, None)
    return {key: (row["name"], row["loans"], row["owed"], row["at"], row["books"]) for key, row in rows.items()}
