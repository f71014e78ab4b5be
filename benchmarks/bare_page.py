"""The least that a page of events takes: one query through the driver, one template, no console around it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from flask import Flask, render_template_string

COLUMNS = "position, stream, version, type, schema_version, data, actor, recorded_at"
OLDER = f"SELECT {COLUMNS} FROM events WHERE position < {{}} ORDER BY position DESC LIMIT 51"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Events</title></head><body><h1>Events</h1>
<table><thead><tr><th>Position</th><th>Recorded</th><th>Type</th><th>Stream</th><th>What happened</th></tr></thead>
<tbody>{% for e in events %}<tr id="event-{{ e.position }}">
<td><a href="/events/{{ e.position }}">{{ "{:,}".format(e.position) }}</a></td>
<td><time datetime="{{ e.recorded_at }}">{{ e.time }}</time></td><td>{{ e.type }} v{{ e.schema_version }}</td>
<td><a href="/streams/{{ e.stream }}?at={{ e.version }}">{{ e.stream }}</a> @{{ e.version }}</td>
<td>{{ e.actor }}: {{ e.what }}</td></tr>{% endfor %}</tbody></table>
<a href="/events?before={{ events[-1].position }}">Older</a></body></html>"""

Read = Callable[[int], list[tuple[Any, ...]]]


def bare_app(read: Read) -> Flask:
    app = Flask("bare")

    @app.get("/events/<int:before>")
    def index(before: int) -> str:
        return render_template_string(PAGE, events=[_shown(row) for row in read(before)[:50]])

    return app


def sqlite_reader(path: Path) -> Read:
    def read(before: int) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(path)
        try:
            return connection.execute(OLDER.format("?"), (before,)).fetchall()
        finally:
            connection.close()

    return read


def postgres_reader(url: str) -> Read:
    """On a connection that stays open, as those of a pool do."""
    connection = psycopg.connect(url, autocommit=True)

    def read(before: int) -> list[tuple[Any, ...]]:
        return connection.execute(OLDER.format("%s").encode(), (before,)).fetchall()

    return read


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    shown = dict(zip(COLUMNS.split(", "), row, strict=True))
    data: dict[str, Any] = msgspec.json.decode(shown["data"])
    at = shown["recorded_at"]
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return {**shown, "time": f"{moment:%H:%M:%S}", "what": ", ".join(f"{name} {data[name]}" for name in data)}
