"""A log and projections of the library on one database file, and a desk from which to run them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection
from cqrs.projections.projections import Projections
from cqrs.projections.runner import Outcome, Runner
from cqrs.readmodels.reading import ReadModels
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, READ, upgrade
from cqrs.store.sql import SqlEventStore
from tests.projections.library import TYPES, Days, Members

DeskFactory = Callable[..., "Desk"]


class Desk:
    """Everything one process has. Several desks on one file are several processes."""

    def __init__(
        self,
        database: Database,
        projections: tuple[type[Projection], ...] = (Members, Days),
        *,
        sizes: Sizes | None = None,
        lease_seconds: float = 15.0,
    ) -> None:
        self.database = database
        self.events = SqlEventStore(database)
        self.store = SqlReadModelStore(database, lease_seconds=lease_seconds)
        self.projections = Projections(projections, events=self.events, types=TYPES, store=self.store, sizes=sizes)
        self.read_models = ReadModels(database, [each.model for each in projections])
        self.projections.ensure()

    def rows(self, name: str, generation: int | None = None) -> dict[Any, tuple[Any, ...]]:
        """As they are stored, by key, without `_pos`."""
        model = self.projections.definition(name).model
        columns = ", ".join(column.name for column in model.columns)
        table = name if generation is None else f"{name}__g{generation}"
        with self.database.read() as connection:
            rows = connection.exec_driver_sql(f"SELECT {columns} FROM {table}").all()
        size = len(model.key_columns)
        return {row[0] if size == 1 else tuple(row[:size]): tuple(row) for row in rows}

    def build(self, name: str) -> int:
        """A second generation, built to the end of the log."""
        number = self.projections.create_generation(name)
        run_to_end(self.projections.runner(name, "builder", generation=number))
        return number

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with self.database.write() as connection:
            result = connection.exec_driver_sql(statement, values)
            return list(result.all()) if result.returns_rows else []


def run_to_end(runner: Runner, most: int = 10_000) -> Outcome:
    """Step until the end of the log, or until it stands still; then release."""
    for _ in range(most):
        outcome = runner.step()
        if outcome.error is not None:
            raise outcome.error
        if outcome.is_tail or outcome.delay:
            runner.release()
            return outcome
    raise AssertionError("The runner does not come to an end.")


@pytest.fixture(scope="session")
def library_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both chains of tables in one file, made once."""
    root = tmp_path_factory.mktemp("library")
    database = open_database("sqlite:///library.db", root=root)
    upgrade(database, MAIN)
    upgrade(database, READ)
    database.dispose()
    return root / "library.db"


@pytest.fixture
def new_desk(tmp_path: Path, library_file: Path) -> Iterator[DeskFactory]:
    """Opens desks by file name; the same name twice is the same file."""
    opened: list[Database] = []

    def open_named(*projections: type[Projection], name: str = "library.db", **options: Any) -> Desk:
        if not (tmp_path / name).exists():
            shutil.copyfile(library_file, tmp_path / name)
        opened.append(open_database(f"sqlite:///{name}", root=tmp_path))
        return Desk(opened[-1], projections or (Members, Days), **options)

    yield open_named
    for database in opened:
        database.dispose()


@pytest.fixture
def desk(new_desk: DeskFactory) -> Desk:
    return new_desk()
