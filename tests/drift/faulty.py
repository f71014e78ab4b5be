"""What goes wrong on purpose: values that somebody changed, handlers that are none, a detector that is broken."""

from __future__ import annotations

from typing import Any

from cqrs.projections.projection import on
from cqrs.readmodels.snapshots import RowSnapshots, Snapshot
from tests.drift.gauges import Gauges, Measured, Station

#: A wrong value for each column.
WRONG: dict[str, Any] = {
    "label": "other",
    "count": 5,
    "small": 99,
    "cost": 0.41,
    "mean": 1.0001,
    "steady": "not steady",
    "seen_at": "2026-03-01T12:00:00.000001Z",
    "day": "2026-03-02",
    "device": "00000000000000000000000000000001",
    "raw": b"\x00\xff",
    "facts": '{"1": [1, {"even": true, "half": 0.5}]}',
    "note": "somebody was here",
}


def plant(station: Station, column: str, key: str) -> None:
    if column == "steady":
        station.sql("UPDATE gauges__g1 SET steady = NOT steady WHERE gauge = ?", key)
    else:
        station.sql(f"UPDATE gauges__g1 SET {column} = ? WHERE gauge = ?", WRONG[column], key)


class Picky(Gauges):
    @on(Measured, key="gauge")
    def measured(row: Any, event: Measured) -> None:
        if event.value == 13:
            raise ValueError("unlucky")
        row.count += 1


class Moody(Gauges):
    unlucky = -1

    @on(Measured, key="gauge")
    def measured(row: Any, event: Measured) -> None:
        if event.value == Moody.unlucky:
            raise ValueError("unlucky")
        row.count += 1


class Unsteady(Gauges):
    turns = iter(range(1_000_000))

    @on(Measured, key="gauge")
    def measured(row: Any, event: Measured) -> None:
        row.count = next(Unsteady.turns)


class Careless(Gauges):
    ignore_columns = ("note", "label")


class Torn(RowSnapshots):
    """Reads the rows in one transaction and the checkpoint in another."""

    def __init__(self, station: Station) -> None:
        super().__init__(station.database)
        self._station = station

    def chunk(self, model: Any, after: Any, size: int, **bounds: Any) -> Snapshot:
        rows = super().chunk(model, after, size, **bounds)
        self._station.append(*(Measured(gauge=f"g{n:03}", value=n) for n in range(30)))
        self._station.move()
        return Snapshot(super().chunk(model, after, 1).live, rows.parked, rows.rows, rows.end)
