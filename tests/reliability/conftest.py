"""Desks on both engines, with one database or two."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs.store.database import Database
from cqrs.store.opening import open_database
from tests.postgres import create_database, drop_database
from tests.reliability.desk import Desk

#: Of campaigns that take long, the part on PostgreSQL is left to `make test-faults`.
postgres_later = pytest.mark.parametrize(
    "dialect",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.faults])],
    indirect=True,
)


class Shelf:
    """Databases of one test by name, which may be copied while nobody has them open."""

    def __init__(self, dialect: str, folder: Path, template: Callable[[], Any]) -> None:
        self._dialect = dialect
        self._folder = folder
        self._template = template
        self._urls: dict[str, str] = {}
        self._opened: list[Database] = []

    def url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._create(name, self._template())
        return self._urls[name]

    def open(self, name: str) -> Database:
        self._opened.append(open_database(self.url(name), root=self._folder))
        return self._opened[-1]

    def desk(self, main: str = "main", read: str | None = None, **options: Any) -> Desk:
        opened = self.open(main)
        return Desk(opened, opened if read is None else self.open(read), **options)

    def close(self) -> None:
        """All connections of this process; the databases stay."""
        for database in self._opened:
            database.dispose()

    def copy(self, name: str, to: str) -> None:
        """Make the database `to` what `name` is now, whatever it was before."""
        self.close()
        if self._dialect == "postgresql":
            if to in self._urls:
                drop_database(self._urls[to])
            self._urls[to] = create_database(self._urls[name].rpartition("/")[2].partition("?")[0])
        else:
            self._urls[to] = self._create(to, self._folder / name)

    def remove(self) -> None:
        self.close()
        for url in self._urls.values() if self._dialect == "postgresql" else ():
            drop_database(url)

    def _create(self, name: str, template: Any) -> str:
        if self._dialect == "postgresql":
            return create_database(template)
        for suffix in ("-wal", "-shm"):
            (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(template, self._folder / name)
        return f"sqlite:///{self._folder / name}"


@pytest.fixture
def shelf(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    source = "migrated_template" if dialect == "postgresql" else "migrated_file"
    shelf = Shelf(dialect, tmp_path, lambda: request.getfixturevalue(source))
    yield shelf
    shelf.remove()


@pytest.fixture
def desk(shelf: Shelf) -> Desk:
    return shelf.desk()
