"""Noticing rows that somebody else wrote. They are never refused: a tool or a hand may have its reasons.

Our own statements always move `_pos` forward, and mark a row with -1 before they delete it; whoever does neither is
somebody else. The triggers use plain SQL, because they run in the connections of any client.
"""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.readmodels.rows import RowModel

#: What `_pos` is set to just before we delete a row.
LEAVING = -1

_WORDS_ON_POSTGRES = ("IS NOT DISTINCT FROM", "IS DISTINCT FROM")


def watch(connection: sa.Connection, model: RowModel, number: int) -> None:
    """Create the triggers of one generation table, unless it has them; in the transaction of the caller.

    Rows that are made by statements have no `_pos`: nobody can tell ours from others."""
    if not model.keyed:
        return
    quote = connection.dialect.identifier_preparer.quote
    table = f"{model.name}__g{number}"
    # Both databases compare with NULL by IS or IS NOT, each in its own words.
    same, other = ("IS", "IS NOT") if connection.dialect.name == "sqlite" else _WORDS_ON_POSTGRES
    for kind, condition, sides in (
        ("insert", "NEW._pos IS NULL", ("NEW",)),
        ("update", f"NEW._pos {same} OLD._pos", ("OLD", "NEW")),
        ("delete", f"OLD._pos {other} {LEAVING}", ("OLD",)),
    ):
        if connection.dialect.name == "sqlite":
            notes = " ".join(_note(model, number, kind, side, sides) for side in sides)
            action = f"WHEN {condition} BEGIN {notes} END"
        else:
            action = f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION note_foreign_write({_arguments(model, number)})"
        create = "CREATE TRIGGER IF NOT EXISTS" if connection.dialect.name == "sqlite" else "CREATE OR REPLACE TRIGGER"
        connection.exec_driver_sql(
            f"{create} {quote(_name(connection, kind, table))} AFTER {kind.upper()} ON {quote(table)} {action}"
        )


def _name(connection: sa.Connection, kind: str, table: str) -> str:
    """Not beginning like the table: whoever lists `<name>__g…` finds generations. On PostgreSQL a trigger's name is
    its table's own, and cut at 63 bytes."""
    return f"note_foreign_{kind}_in_{table}" if connection.dialect.name == "sqlite" else f"note_foreign_{kind}"


def _arguments(model: RowModel, number: int) -> str:
    names = [model.name, str(number), *(column.name for column in model.key_columns)]
    return ", ".join("'" + name.replace("'", "''").replace("%", "%%") + "'" for name in names)


def _note(model: RowModel, number: int, kind: str, side: str, sides: tuple[str, ...]) -> str:
    name = model.name.replace("'", "''")
    key = _key(model, side)
    # An update that moves a row to another key concerns both; any other one only the key it has.
    only = f" WHERE {_key(model, 'OLD')} IS NOT {_key(model, 'NEW')}" if side == "OLD" and len(sides) > 1 else ""
    return (
        "INSERT INTO foreign_writes (projection, generation, key, kind, noticed_at) "
        f"SELECT '{name}', {number}, {key}, '{kind}', strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'){only};"
    )


def _key(model: RowModel, side: str) -> str:
    columns = [f'{side}."{column.name}"' for column in model.key_columns]
    return f"json_array({', '.join(columns)})" if model.composite else f"CAST({columns[0]} AS TEXT)"
