"""Pages of events: the query of the first and of a deep one, and a whole page beside a bare Flask page.

BENCH_PAGE_EVENTS (200000) is the length of the log.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
from flask import Flask
from flask.testing import FlaskClient

from benchmarks import bare_page, logs, postgres_server, raw, raw_postgres
from benchmarks.house import House, made
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines
from benchmarks.workload import entries
from cqrs.console import create_console
from cqrs.console.current import EXTENSION
from cqrs.console.rate_limit import RateLimit
from cqrs.messages import Role
from cqrs.store.records import EventFilter

ROOT = Path(__file__).parent.parent
LONG_STREAM = "ledger-1"
STREAM_EVENTS = 10_000
#: A figure is the median of so many.
REQUESTS, QUERIES = 25, 50
PAGE = 51
DEEP = 5_000


def on_sqlite(folder: Path) -> Iterator[Result]:
    path = made(folder / "pages.db")
    logs.fill(path, size())
    connection = raw.connect(path, "NORMAL")
    raw.appender(connection, logs.COLUMNS)(long_stream())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with House(path) as house:
        yield from measured("pages", house, bare_page.bare_app(f"sqlite:///{path}"), (1, 2, 5), {})


def on_postgres(folder: Path) -> Iterator[Result]:
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server.database())
        house = stack.enter_context(House(folder / "postgres", url))
        raw_postgres.fill(url, size())
        copied = f"COPY events ({', '.join(logs.COLUMNS)}) FROM STDIN"
        with psycopg.connect(url) as connection, connection.cursor().copy(copied) as copy:
            for row in long_stream():
                copy.write_row(row)
        settings: dict[str, object] = {"server": postgres_server.version()}
        bare = bare_page.bare_app(raw_postgres.with_driver(url))
        yield from measured("pages-postgres", house, bare, (5, 5, 10), settings)


def size() -> int:
    return int(os.environ.get("BENCH_PAGE_EVENTS", "200000"))


def long_stream() -> list[tuple[object, ...]]:
    types = logs.event_types()
    made = (logs.new_event(types, entry) for entry in entries(STREAM_EVENTS, seed=2))
    return [logs.row(LONG_STREAM, n, event) for n, event in enumerate(made, start=1)]


def measured(
    name: str, house: House, bare_app: Flask, marks: tuple[float, float, float], settings: dict[str, object]
) -> Iterator[Result]:
    """`marks`: milliseconds hoped for of a first and of a deep page, and those that must not be missed."""
    first, deep, floor = marks
    queries = Result(f"{name}-queries", "ms", {"events": size(), "stream": STREAM_EVENTS, **settings})
    queries.figures = interleaved({what: lambda ask=ask: timed(ask, QUERIES) for what, ask in asked(house).items()})
    for what in queries.figures:
        goal = deep if "deep" in what else first
        queries.goals.append(Goal(what, queries.median(what), goal=goal, floor=floor, at_most=True))
    yield queries
    pages = Result(f"{name}-whole", "ms", {"events": size(), **settings})
    console, bare = signed_in(house), bare_app.test_client()
    ours, theirs = get(console, "/events"), get(bare, f"/events/before/{2**62}")
    pages.figures = interleaved({
        "bare": lambda: timed(theirs, REQUESTS),
        "console": lambda: timed(ours, REQUESTS),
        "console, deep": lambda: timed(get(console, f"/events?before={DEEP}"), REQUESTS),
        "console, a poll without news": lambda: timed(poll(console), REQUESTS),
    })  # fmt: skip
    for what in ("console", "console, deep"):
        pages.goals.append(Goal(f"{what} to bare", pages.ratio(what, "bare"), goal=2.0, floor=5.0, at_most=True))
    if pages.missed():
        pages.profile = top_lines(lambda: [ours() for _ in range(REQUESTS)])
    yield pages


Ask = Callable[[], object]


def asked(house: House) -> dict[str, Ask]:
    events, stream = house.events, EventFilter(stream=LONG_STREAM)
    placed = EventFilter(types=("OrderPlaced",))
    several = EventFilter(types=("OrderPlaced", "UserCreated", "UserUpdated"))
    return {
        "first page": lambda: events.read_back(limit=PAGE),
        "deep page": lambda: events.read_back(before=DEEP, limit=PAGE),
        "first page of a type": lambda: events.read_back(limit=PAGE, where=placed),
        "deep page of a type": lambda: events.read_back(before=DEEP, limit=PAGE, where=placed),
        "deep page of three types": lambda: events.read_back(before=DEEP, limit=PAGE, where=several),
        "first page of a stream": lambda: events.read_back(limit=PAGE, where=stream),
        "deep page of a stream": lambda: events.read_stream(LONG_STREAM, after=10, until=10 + PAGE, backwards=True),
    }


def timed(ask: Ask, times: int) -> float:
    """The median, in milliseconds."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def signed_in(house: House) -> FlaskClient:
    app = Flask("console", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    create_console(app, house.runtime)
    app.extensions[EXTENSION].rate_limit = RateLimit(itertools.count(step=60.0).__next__)  # nobody reads that fast
    person = f"bench-{uuid.uuid4()}"
    house.runtime.people.add(person, Role.VIEWER, by="benchmark")
    client = app.test_client()
    client.get(f"/sign-in?token={house.runtime.people.link(person, by='benchmark')}")
    return client


def get(client: FlaskClient, address: str, **headers: str) -> Ask:
    def ask() -> None:
        answer = client.get(address, headers=headers)
        assert answer.status_code in (200, 304), answer.status
        answer.get_data()

    return ask


def poll(client: FlaskClient) -> Ask:
    """As the script of a page that follows asks, having seen everything."""
    tag = client.get("/events").headers["HX-PTag"]
    return get(client, "/events", **{"HX-Request": "true", "HX-PTag": tag, "X-Live": "1"})
