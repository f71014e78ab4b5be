"""The physical copies of a read model, `<name>__g1`, `<name>__g2` …, behind one view `<name>` of the live one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cqrs.errors import ViewInUse
from cqrs.readmodels.postgres_ddl import REFUSE_WRITES
from cqrs.readmodels.rows import RowModel

#: What PostgreSQL calls it when a view's columns cannot be replaced, and when others rest on it (SQLSTATE).
INVALID_TABLE_DEFINITION = "42P16"
DEPENDENT_OBJECTS = "2BP01"


#: As everywhere else, but for keys: whoever lists `<name>__g…` finds generations, and PostgreSQL would call the index
#: of a key `<name>__g1_pkey`. What gets too long is cut by SQLAlchemy, with a digest.
NAMES: Mapping[Any, Any] = {**sa.MetaData().naming_convention, "pk": "pk_%(table_name)s"}


def table_name(model: RowModel, number: int) -> str:
    return f"{model.name}__g{number}"


def physical_table(model: RowModel, number: int) -> sa.Table:
    """The declared table under its generation's name, with `_pos`. Names of indexes are shared by a whole database,
    so each gets the generation's ending."""
    table = model.table.to_metadata(sa.MetaData(naming_convention=NAMES), name=table_name(model, number))
    table.append_column(sa.Column("_pos", sa.BigInteger))
    declared = model.table.primary_key.name is not None
    constraints = [each for each in table.constraints if declared or each is not table.primary_key]
    named: list[sa.Index | sa.Constraint] = [*table.indexes, *constraints]
    for item in named:
        if isinstance(item.name, str):
            item.name = f"{item.name}__g{number}"
    return table


def create_generation(connection: sa.Connection, model: RowModel, number: int) -> None:
    for each in (model, *model.companions):
        _create_table(connection, each, number)


def _create_table(connection: sa.Connection, model: RowModel, number: int) -> None:
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
    for each in (model, *model.companions):
        _point(connection, each, number)


def _point(connection: sa.Connection, model: RowModel, number: int) -> None:
    quote = connection.dialect.identifier_preparer.quote
    view, columns = quote(model.name), ", ".join(quote(column.name) for column in model.table.columns)
    select = f"SELECT {columns} FROM {quote(table_name(model, number))}"
    if connection.dialect.name == "postgresql":
        _point_on_postgres(connection, model.name, view, select)
    else:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view}")
        connection.exec_driver_sql(f"CREATE VIEW {view} AS {select}")


def _point_on_postgres(connection: sa.Connection, name: str, view: str, select: str) -> None:
    """Replacing keeps rights and whatever rests on the view, but columns can only be added at the end that way."""
    if connection.exec_driver_sql("SELECT to_regclass(%s)", (view,)).scalar() is None:
        rights = []
    else:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {view} AS {select}")
            return
        except sa.exc.ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != INVALID_TABLE_DEFINITION:
                raise
        rights = _rights(connection, view)
        _drop_view(connection, name, view)
    connection.exec_driver_sql(f"CREATE VIEW {view} AS {select}")
    connection.exec_driver_sql(REFUSE_WRITES.format(view=view))
    for grant in rights:
        connection.exec_driver_sql(grant)


def _rights(connection: sa.Connection, view: str) -> list[str]:
    """Statements that give the rights on the view again to whoever has them now."""
    granted = connection.exec_driver_sql(
        "SELECT format('GRANT %%s ON %%s TO %%s', privilege_type, oid::regclass, "
        "CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) "
        "FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass(%s) AND grantee <> relowner",
        (view,),
    )
    return list(granted.scalars())


def _drop_view(connection: sa.Connection, name: str, view: str) -> None:
    try:
        connection.exec_driver_sql(f"DROP VIEW {view}")
    except sa.exc.DatabaseError as error:
        if getattr(error.orig, "sqlstate", None) != DEPENDENT_OBJECTS:
            raise
        detail = getattr(getattr(error.orig, "diag", None), "message_detail", None)
        raise ViewInUse(name=name, why=" ".join(str(detail or error.orig).split())) from error
