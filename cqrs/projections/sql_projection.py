"""SQL projections, the way out where no row belongs to one key: statements instead of rows."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa

from cqrs.messages import Event, event_name
from cqrs.projections.projection import Projection
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.table_faults import table_faults

#: What a handler can ask for, by the names of its parameters; it needs the first three.
PARAMETERS = ("connection", "event", "tables", "meta")


class SqlProjection(Projection):
    """Subclass it with tables, events and one handler:

        class Visits(SqlProjection):
            tables = (visits, towns)
            events = (MemberJoined, BookBorrowed)

            def handle(connection, event, tables): connection.execute(sa.insert(tables["visits"]).values(...))

    `tables` are the physical tables of the generation that is moved, by the names of the declared ones, which are
    views for readers. The handler may ask for `meta` as well. It reads and writes these tables only, and neither
    commits nor rolls back: its batch and the checkpoint are one transaction. It is named by its first table.

    An error stops it. It is replayed and rolled back like any other; but no event belongs to a row, so nothing of it
    is parked, explained or repaired.
    """

    on_error = "stop"
    keyed = False

    tables: ClassVar[Sequence[sa.Table]]
    events: ClassVar[Sequence[type[Event]]]
    handle: ClassVar[Callable[..., None]]

    def __init_subclass__(cls, **options: Any) -> None:
        declared = getattr(cls, "tables", ())
        if declared and isinstance(declared[0], sa.Table):
            cls.table = declared[0]
        super().__init_subclass__(**options)
        if hasattr(cls, "name"):
            others = [each for each in declared[1:] if isinstance(each, sa.Table)]
            companions = [RowModel(each, projection=cls.name, keyed=False) for each in others]
            cls.model = RowModel(cls.table, vars(cls).get("title"), keyed=False, companions=companions)

    @classmethod
    def handled_events(cls) -> tuple[type[Event], ...]:
        return tuple(getattr(cls, "events", ()))

    @classmethod
    def faults(cls) -> Iterator[str]:
        return _sql_faults(cls)

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """The names of what the handler asks for."""
        return tuple(inspect.signature(cls.handle).parameters)


def _sql_faults(projection: type[SqlProjection]) -> Iterator[str]:
    for table in projection.tables:
        if isinstance(table, sa.Table):
            yield from table_faults(table)
        else:
            yield f"{table!r} in its tables is not a SQLAlchemy Table."
    if not projection.handled_events():
        yield "It handles no events: list their classes in events."
    for event, times in Counter(projection.handled_events()).items():
        if times > 1:
            yield f"{event_name(event)} is listed twice."
    if not callable(getattr(projection, "handle", None)):
        yield "It has no handler: define handle(connection, event, tables)."
    elif not set(PARAMETERS[:3]) <= set(projection.parameters()) <= set(PARAMETERS):
        yield "handle takes connection, event and tables, and meta if it needs it, by these names."
    if projection.handlers:
        yield "It has handlers of rows: a SQL projection has only handle."
    if projection.on_error != "stop":
        yield 'Its on_error can only be "stop": no key could be set aside.'
    if projection.write_model is not None:
        yield "It has a write_model: its rows have no keys to compare them by."
    if projection.inline:
        yield "It cannot be inline: that takes a projection with keys."
