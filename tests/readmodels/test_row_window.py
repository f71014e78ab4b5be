"""However large a read model is, a page of its rows costs what a window costs: every filter with every order."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from cqrs.errors import InvalidMessage
from cqrs.readmodels import row_window, window_pages
from cqrs.readmodels.reading import ReadModels
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import shape_of
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.readmodels.window_pages import COUNT_CAP, Searched
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.reports import Count
from cqrs.store.schema import READ, upgrade
from tests.postgres import create_database, drop_database

parcels = RowModel(
    sa.Table(
        "parcels",
        sa.MetaData(),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("town", sa.Text, nullable=False),
        sa.Column("carrier", sa.Text),
        sa.Column("weight", Money(), nullable=False),
        sa.Column("sent_at", UtcDateTime),
        sa.Index("parcels_by_town", "town"),
        sa.Index("parcels_by_sending", "sent_at"),
    )
)
ROWS = 100_000
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"id": "p000007"},
    {"id": "p00*"},
    {"id.contains": "99"},
    {"town": "Town 7"},
    {"town": "Tow*"},
    {"town.contains": "wn 7"},
    {"carrier.null": "1"},
    {"town": "Town 7", "carrier": "Nobody"},
    {"carrier": "Nobody"},
    {"carrier.null": "0"},
    {"weight.from": "5", "weight.to": "6"},
    {"sent_at.from": "2026-01-01", "sent_at.to": "2026-01-02"},
    {"sent_at.null": "1"},
)
SORTS = (None, "-id", "town", "-town", "carrier", "-carrier", "weight", "sent_at", "-sent_at")

FILL = {
    "sqlite": """
        WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {last})
        INSERT INTO parcels__g1 SELECT printf('p%06d', n), printf('Town %d', n % 50), printf('Carrier %d', n % 3),
            n % 900, printf('2026-01-%02dT00:00:00.000000Z', 1 + n % 28), n FROM n""",
    "postgresql": """
        INSERT INTO parcels__g1 SELECT 'p' || lpad(n::text, 6, '0'), 'Town ' || (n %% 50), 'Carrier ' || (n %% 3),
            n %% 900, timestamptz '2026-01-01 00:00Z' + n %% 28 * interval '1 day', n
        FROM generate_series(0, {last}) AS n""",
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """With statistics, as after some time of work: a planner that knows the table chooses a scan sooner."""
    url = create_database() if request.param == "postgresql" else "sqlite:///read.db"
    database = open_database(url, root=tmp_path_factory.mktemp("window"))
    upgrade(database, READ)
    SqlReadModelStore(database).ensure(parcels, shape=shape_of(parcels), logic="1")
    with database.write() as connection:
        connection.exec_driver_sql(FILL[request.param].format(last=ROWS - 1))
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    yield database
    database.dispose()
    if request.param == "postgresql":
        drop_database(url)


def plans(database: Database, filters: dict[str, str], sort: str | None) -> list[tuple[str, list[str]]]:
    """Each statement about the rows with its plan, of the first page and of one in the middle."""
    models = ReadModels(database, [parcels])
    asked: list[tuple[str, object]] = []

    def note(_: object, __: object, statement: str, values: object, *___: object) -> None:
        asked.append((statement, values))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    try:
        first = models.page("parcels", filters=filters, sort=sort, limit=20)
        if first.next:
            models.page("parcels", filters=filters, sort=sort, limit=20, cursor=first.next)
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", note)
    with database.read(by_index=True) as connection:
        return [
            (statement, plan(connection, statement, values))
            for statement, values in asked
            if "FROM parcels__g1" in statement
        ]


def plan(connection: sa.Connection, statement: str, values: object) -> list[str]:
    driver = connection.connection.driver_connection
    assert driver is not None
    if connection.dialect.name == "sqlite":
        return [row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    (found,) = driver.execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()
    root = found if isinstance(found, list) else json.loads(found)
    return list(_nodes(root[0]["Plan"], limited=False))


def _nodes(node: dict[str, object], *, limited: bool) -> Iterator[str]:
    """Each node, and whether a limit ends it: one that has to read all before its first row cuts that off."""
    kind = str(node["Node Type"])
    yield f"{kind} {node.get('Index Name', '')} {'limited' if limited else 'whole'}"
    streaming = kind in ("Limit", "Subquery Scan", "Result") or (limited and kind in ("Index Scan", "Index Only Scan"))
    for child in node.get("Plans", ()):  # type: ignore[attr-defined]
        yield from _nodes(child, limited=kind == "Limit" or (limited and streaming))


@pytest.mark.parametrize("sort", SORTS)
def test_no_filter_and_order_reads_more_than_a_window(filled: Database, sort: str | None) -> None:
    for filters in FILTERS:
        found = plans(filled, filters, sort)
        assert found
        for statement, steps in found:
            if filled.engine.dialect.name == "sqlite":
                # The rows are found by an index, walked in its order or entered at a value, and a limit ends that.
                reads = [step for step in steps if "parcels__g1" in step]
                assert reads, (filters, steps)
                assert all("INDEX" in step for step in reads), (filters, steps)
                assert statement.count("LIMIT") >= 1
                whole = [n for n, step in enumerate(steps) if step.startswith("SCAN looked_at")]
                inner = steps[: whole[0]] if whole else steps
                assert not [step for step in inner if "TEMP B-TREE" in step], (filters, steps)
            else:
                reads = [step for step in steps if "Scan" in step and "Subquery" not in step]
                assert reads, (filters, steps)
                assert all(step.startswith("Index") and step.endswith("limited") for step in reads), (filters, steps)


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (row_window, window_pages):
        monkeypatch.setattr(module, "WINDOW", 1_000)


def everything(models: ReadModels, filters: dict[str, str], sort: str | None = None) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    for _ in range(1_000):
        page = models.page("parcels", filters=filters, sort=sort, cursor=cursor, limit=200)
        found += [row.key for row in page.rows]
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


@pytest.mark.usefixtures("small_window")
def test_a_search_by_key_comes_to_every_row_in_the_end(filled: Database) -> None:
    models = ReadModels(filled, [parcels])
    assert everything(models, {"weight": "899", "carrier": "Carrier 2"}) == [
        f"p{n:06}" for n in range(ROWS) if n % 900 == 899 and n % 3 == 2
    ]
    assert everything(models, {"weight.from": "900"}) == []


@pytest.mark.usefixtures("small_window")
def test_what_was_not_looked_at_is_said(filled: Database) -> None:
    models = ReadModels(filled, [parcels])

    def searched(sort: str | None = None, **filters: str) -> Searched | None:
        return models.page("parcels", filters=filters, sort=sort).searched

    assert searched() is None
    assert searched(carrier="Nobody") == Searched(1_000, "id")
    assert searched("-weight") == Searched(1_000, "id")
    assert searched("-town") == Searched(1_000, "town")
    assert searched(town="Town 7", carrier="Nobody") == Searched(1_000, None)
    assert searched(id="p00001*", carrier="Carrier 1") is None  # an index finds ten, and all were looked at


def test_a_count_is_exact_as_far_as_it_goes(filled: Database) -> None:
    models = ReadModels(filled, [parcels])
    assert models.page("parcels").count == Count(value=COUNT_CAP, capped=True)
    assert models.counts()["parcels"] == Count(value=ROWS, capped=False)
    one_town = models.page("parcels", filters={"town": "Town 7"})
    assert (one_town.count.value, one_town.count.capped, one_town.searched) == (2_000, False, None)


@pytest.mark.parametrize(("first", "second"), list(itertools.pairwise(SORTS)))
def test_a_cursor_of_another_order_is_refused(filled: Database, first: str | None, second: str | None) -> None:
    models = ReadModels(filled, [parcels])
    cursor = models.page("parcels", sort=first, limit=1).next
    with pytest.raises(InvalidMessage):
        models.page("parcels", sort=second, cursor=cursor)


@pytest.mark.postgres
@pytest.mark.parametrize("filled", ["postgresql"], indirect=True)
def test_the_planner_is_told_for_one_answer_only(filled: Database) -> None:
    ReadModels(filled, [parcels]).page("parcels")
    with filled.read() as connection:
        assert connection.exec_driver_sql("SHOW enable_seqscan").scalar_one() == "on"
