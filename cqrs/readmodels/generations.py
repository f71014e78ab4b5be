"""The physical copies of a read model, `<name>__g1`, `<name>__g2` …, behind one view `<name>` of the live one."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.readmodels.postgres_ddl import REFUSE_WRITES
from cqrs.readmodels.rows import RowModel


def table_name(model: RowModel, number: int) -> str:
    return f"{model.name}__g{number}"


def physical_table(model: RowModel, number: int) -> sa.Table:
    """The declared table under its generation's name, with `_pos`. Names of indexes are shared by a whole database,
    so each gets the generation's ending."""
    table = model.table.to_metadata(sa.MetaData(), name=table_name(model, number))
    table.append_column(sa.Column("_pos", sa.BigInteger))
    named: list[sa.Index | sa.Constraint] = [*table.indexes, *table.constraints]
    for item in named:
        if isinstance(item.name, str):
            item.name = f"{item.name}__g{number}"
    return table


def create_generation(connection: sa.Connection, model: RowModel, number: int) -> None:
    table = physical_table(model, number)
    on_sqlite = connection.dialect.name == "sqlite"
    for column in table.columns:
        if on_sqlite and isinstance(column.type, sa.JSON):
            column.type = sa.Text()  # Declared as JSON, SQLite would turn the text "1.0" into the number 1.
        if not on_sqlite and column.primary_key and isinstance(column.type, sa.String):
            column.type = type(column.type)(column.type.length, collation="C")  # Keys sort as text does in Python.
    table.create(connection, checkfirst=False)


def point_view(connection: sa.Connection, model: RowModel, number: int) -> None:
    """Let readers see this generation, in the transaction of the caller. SQLite refuses to write through a view by
    itself; PostgreSQL is told to."""
    quote = connection.dialect.identifier_preparer.quote
    view, columns = quote(model.name), ", ".join(quote(column.name) for column in model.table.columns)
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")
    connection.exec_driver_sql(f"CREATE VIEW {view} AS SELECT {columns} FROM {quote(table_name(model, number))}")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(REFUSE_WRITES.format(view=view))
