"""Rows of a read model as a page prints them, worked out before the template, which meets every value of every row."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from cqrs.console.filters import compact_json, instant, number, short_id
from cqrs.console.link_prefix import prefix_of
from cqrs.console.masking import is_sensitive, masked, masked_fields
from cqrs.console.wall_clock import WallClock, wall_clock

if TYPE_CHECKING:
    from cqrs.readmodels.reading import Column, ReadModel, Row


class Absent(enum.Enum):
    """Stands for the value of a column that was declared after the live generation was made."""

    ABSENT = "ABSENT"


ABSENT = Absent.ABSENT
#: What a cell shows that is no text of its value.
NULL, EMPTY, UNKNOWN = "null", "empty", "unknown"


class Cell(NamedTuple):
    column: str
    numeric: bool
    text: str
    #: NULL, EMPTY, UNKNOWN; else None.
    without: str | None = None
    #: Of a time: for machines, and in full.
    instant: str = ""
    exact: str = ""


class ShownRow(NamedTuple):
    """What is sensitive is masked in it."""

    key: str
    href: str
    name: Cell
    cells: Sequence[Cell]
    #: The last event applied to it; empty where nobody knows.
    position: str
    event: str
    #: Events that wait for it while it is parked.
    waiting: str | None


def shown_rows(model: ReadModel, rows: Sequence[Row], held: Mapping[str, int]) -> list[ShownRow]:
    to_row = prefix_of("read_models.row", "key", name=model.name)
    to_event = prefix_of("events.show", "position")
    wall = wall_clock()
    columns = [_cells(column, rows, wall) for column in model.columns]
    shown = []
    for row, (name, *cells) in zip(rows, zip(*columns, strict=True), strict=True):
        position = number(row.position) if row.position else ""
        event = to_event.to_position(row.position) if row.position else ""
        waiting = number(held[row.key]) if row.key in held else None
        shown.append(ShownRow(row.key, to_row.to_key(row.key), name, cells, position, event, waiting))
    return shown


def _cells(column: Column, rows: Sequence[Row], wall: WallClock) -> list[Cell]:
    name = column.name
    if is_sensitive(name):
        return [_cell(column, masked_fields(row.values).get(name, ABSENT), wall) for row in rows]
    return [_cell(column, row.values.get(name, ABSENT), wall) for row in rows]


def _cell(column: Column, value: object, wall: WallClock) -> Cell:
    name, numeric = column.name, column.numeric
    match value:
        case "":
            return Cell(name, numeric, "", EMPTY)
        case str(text):
            return Cell(name, numeric, short_id(text) if column.primary_key else text)
        case None:
            return Cell(name, numeric, "", NULL)
        case bool(flag):
            return Cell(name, numeric, "true" if flag else "false")
        case int() | float() | Decimal() as figure:
            return Cell(name, numeric, str(figure) if column.primary_key else number(figure))
        case datetime() as at:
            brief, exact = wall.brief_and_exact(at)
            return Cell(name, numeric, brief, None, instant(at), exact)
        case date() | time() as day:
            return Cell(name, numeric, day.isoformat())
        case dict() | list() | bytes() as tree:
            return Cell(name, numeric, compact_json(masked(tree)))
        case Absent.ABSENT:
            return Cell(name, numeric, "", UNKNOWN)
        case other:
            return Cell(name, numeric, str(other))
