"""A page of events, and one of rows, as a plain Flask app has them: no console around, but the same cells with links.

One query through SQLAlchemy on a connection of its pool (on PostgreSQL: BEGIN, the query, ROLLBACK), a template that is
compiled once, and `url_for` for every link. It knows no sessions, no lag, no filters, and has no navigation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from flask import Flask, render_template
from jinja2 import DictLoader

COLUMNS = "position, stream, version, type, schema_version, data, actor, recorded_at"
OLDER = sa.text(f"SELECT {COLUMNS} FROM events WHERE position < :before ORDER BY position DESC LIMIT 51")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Events</title></head><body><h1>Events</h1>
<table><thead><tr><th>Position</th><th>Recorded</th><th>Type</th><th>Stream</th><th>What happened</th></tr></thead>
<tbody>{% for e in events %}<tr id="event-{{ e.position }}">
<td><a href="{{ url_for('event', position=e.position) }}">{{ "{:,}".format(e.position) }}</a></td>
<td><time datetime="{{ e.recorded_at }}">{{ e.time }}</time></td><td>{{ e.type }} v{{ e.schema_version }}</td>
<td><a href="{{ url_for('stream', name=e.stream, at=e.version) }}">{{ e.stream }}</a> @{{ e.version }}</td>
<td>{{ e.actor }}: {{ e.what }}</td></tr>{% endfor %}</tbody></table>
<a href="{{ url_for('index', before=events[-1].position) }}">Older</a></body></html>"""

ROWS = sa.text("SELECT * FROM user_stats__g1 WHERE user_id > :after ORDER BY user_id LIMIT 51")
ROWS_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rows</title></head><body><h1>Rows</h1>
<table><thead><tr>{% for name in names %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr><td><a href="{{ url_for('row', key=row.user_id) }}">{{ row.user_id }}</a></td>
{% for name in names %}<td>{% if row[name] is number %}{{ "{:,}".format(row[name]) }}
{%- elif row[name] is moment %}
<time datetime="{{ row[name].isoformat() }}">{{ row[name].strftime("%d %b %H:%M") }}</time>
{%- else %}{{ row[name] }}{% endif %}</td>{% endfor %}
<td><a href="{{ url_for('event', position=row._pos) }}">{{ "{:,}".format(row._pos) }}</a></td></tr>{% endfor %}
</tbody></table>
<a href="{{ url_for('rows', after=rows[-1].user_id) }}">More</a></body></html>"""
SHOWN = ("name", "email", "order_count", "total_spent", "last_order_at")


def bare_app(url: str) -> Flask:
    """With the address of the database, as SQLAlchemy writes it."""
    app, engine = Flask("bare"), sa.create_engine(url)
    app.jinja_loader = DictLoader({"events.html": PAGE, "rows.html": ROWS_PAGE})
    app.jinja_env.tests["moment"] = lambda value: isinstance(value, datetime)

    @app.get("/events/before/<int:before>")
    def index(before: int) -> str:
        with engine.connect() as connection:
            rows = connection.execute(OLDER, {"before": before}).all()
        return render_template("events.html", events=[_shown(row) for row in rows[:50]])

    @app.get("/rows/after/<after>")
    def rows(after: str) -> str:
        with engine.connect() as connection:
            found = connection.execute(ROWS, {"after": after}).all()
        shown = [{**row._mapping, "last_order_at": _moment(row.last_order_at)} for row in found[:50]]
        return render_template("rows.html", rows=shown, names=SHOWN)

    app.add_url_rule("/rows/<key>", "row")
    app.add_url_rule("/events/<int:position>", "event")
    app.add_url_rule("/streams/<name>", "stream")
    return app


def _shown(row: sa.Row[Any]) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(row.data)
    what = ", ".join(f"{name} {data[name]}" for name in data)
    return {**row._mapping, "time": f"{_moment(row.recorded_at):%H:%M:%S}", "what": what}


def _moment(stored: datetime | str) -> datetime:
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
