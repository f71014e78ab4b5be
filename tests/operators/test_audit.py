"""The audit trail."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cqrs.operators.audit import LONGEST_TEXT, Audit
from cqrs.store.database import Database


@pytest.fixture
def audit(database: Database) -> Audit:
    return Audit(database)


def record(audit: Audit, **facts: str) -> int:
    return audit.record(
        **{  # type: ignore[arg-type]
            "actor": "ada",
            "role": "operator",
            "address": "::1",
            "action": "pause",
            "target": "user_stats",
            "outcome": "done",
            **facts,
        }
    )


def test_a_deed_is_read_back_whole(audit: Audit) -> None:
    audit.record(
        actor="ada",
        role="operator",
        address="::1",
        action="pause",
        target="user_stats",
        outcome="done",
        reason="maintenance",
        detail={"position": 7},
    )
    (entry,) = audit.page().items
    assert (entry.actor, entry.action, entry.target, entry.outcome) == ("ada", "pause", "user_stats", "done")
    assert entry.reason == "maintenance"
    assert entry.detail == {"position": 7}
    assert entry.at.tzinfo is not None


def test_pages_are_newest_first_without_gaps_or_repeats(audit: Audit) -> None:
    ids = [record(audit) for _ in range(7)]
    seen, before = [], None
    while True:
        page = audit.page(before=before, limit=3)
        seen += [entry.id for entry in page.items]
        before = page.next
        if before is None:
            break
    assert seen == ids[::-1]


def test_a_full_last_page_has_no_next(audit: Audit) -> None:
    for _ in range(3):
        record(audit)
    assert audit.page(limit=3).next is None


def test_filters_combine(audit: Audit) -> None:
    record(audit, actor="ada", action="pause")
    record(audit, actor="bob", action="pause")
    record(audit, actor="bob", action="resume", target="orders")
    assert [entry.action for entry in audit.page(actor="bob").items] == ["resume", "pause"]
    assert len(audit.page(actor="bob", action="pause").items) == 1
    assert len(audit.page(target="orders").items) == 1
    assert audit.page(actor="eve").items == []


def test_hostile_texts_leave_a_row_instead_of_an_error(audit: Audit) -> None:
    record(audit, target="a\0b\ud800", reason="x" * 5_000)
    (entry,) = audit.page().items
    assert "\0" not in entry.target
    assert entry.reason is not None
    assert len(entry.reason) == LONGEST_TEXT


COLUMNS = "at, 'eve', role, address, action, target, reason, outcome, detail FROM audit"
REPLACE = {
    "sqlite": f"INSERT OR REPLACE INTO audit SELECT id, {COLUMNS}",
    "postgresql": f"INSERT INTO audit SELECT id, {COLUMNS} ON CONFLICT (id) DO UPDATE SET actor = excluded.actor",
}


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "REPLACE"])
def test_a_row_cannot_be_changed_or_removed(audit: Audit, database: Database, statement: str) -> None:
    record(audit)
    if statement == "REPLACE":
        statement = REPLACE[database.dialect]
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql(statement)
    assert audit.page().items[0].actor == "ada"
