"""Pages of rows: the query of the first and of a deep one, and a whole page beside that of a plain Flask app.

BENCH_PAGE_ROWS (20000) is the size of the read model.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
from flask import Flask

from benchmarks import bare_page, postgres_server, raw, raw_postgres
from benchmarks.house import House, made
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.pages import QUERIES, REQUESTS, Ask, get, signed_in, timed
from benchmarks.raw import Rows
from cqrs.readmodels.row_order import RowOrder
from cqrs.readmodels.window_pages import COUNT_CAP

MODEL, TABLE = "user_stats", "user_stats__g1"
PAGE = 50
#: Rows before the end at which a deep page begins.
LEFT = 200
MOMENT = "2026-01-31T12:00:00.000000Z"


def on_sqlite(folder: Path) -> Iterator[Result]:
    path = made(folder / "rows.db")
    connection = raw.connect(path, "OFF")
    raw.write(connection, TABLE, rows())
    connection.close()
    with House(path) as house:
        yield from measured("rows", house, bare_page.bare_app(f"sqlite:///{path}"), (1, 2, 5))


def on_postgres(folder: Path) -> Iterator[Result]:
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server.database())
        house = stack.enter_context(House(folder / "postgres", url))
        with psycopg.connect(url) as connection:
            raw_postgres.write(connection, TABLE, rows())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"VACUUM ANALYZE {TABLE}".encode())
        yield from measured("rows-postgres", house, bare_page.bare_app(raw_postgres.with_driver(url)), (5, 5, 10))


def size() -> int:
    return int(os.environ.get("BENCH_PAGE_ROWS", "20000"))


def key(n: int) -> str:
    return f"user-{n:09}"


def rows() -> Rows:
    return {key(n): [n, f"Name {n}", f"{n}@example.org", n % 50, n % 997, MOMENT] for n in range(size())}


def measured(name: str, house: House, bare_app: Flask, marks: tuple[float, float, float]) -> Iterator[Result]:
    """`marks`: milliseconds hoped for of a first and of a deep page, and those that must not be missed."""
    first, deep, floor = marks
    after = key(size() - LEFT)
    cursor = RowOrder(["user_id"], None, False).cursor({"user_id": after})  # type: ignore[arg-type]
    page = house.runtime.read_models.page
    asked: dict[str, Ask] = {
        "first page": lambda: page(MODEL, limit=PAGE),
        "deep page": lambda: page(MODEL, cursor=cursor, limit=PAGE),
    }
    queries = Result(f"{name}-queries", "ms", {"rows": size()})
    queries.figures = interleaved({what: lambda ask=ask: timed(ask, QUERIES) for what, ask in asked.items()})
    for what, goal in (("first page", first), ("deep page", deep)):
        queries.goals.append(Goal(what, queries.median(what), goal=goal, floor=floor, at_most=True))
    queries.notes.append(f"Each also counts the rows, up to {COUNT_CAP:,}.")
    yield queries
    pages = Result(f"{name}-whole", "ms", {"rows": size()})
    console, bare = signed_in(house), bare_app.test_client()
    pages.figures = interleaved({
        "bare": lambda: timed(get(bare, f"/rows/after/{after}"), REQUESTS),
        "console": lambda: timed(get(console, f"/read-models/{MODEL}"), REQUESTS),
        "console, deep": lambda: timed(get(console, f"/read-models/{MODEL}?cursor={cursor}"), REQUESTS),
    })  # fmt: skip
    for what in ("console", "console, deep"):
        pages.goals.append(Goal(f"{what} to bare", pages.ratio(what, "bare"), goal=2.0, floor=5.0, at_most=True))
    yield pages
