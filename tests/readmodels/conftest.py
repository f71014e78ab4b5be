"""A read database of each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import READ, upgrade
from tests.postgres import create_database, drop_database


@pytest.fixture
def database(dialect: str, tmp_path: Path) -> Iterator[Database]:
    url = create_database() if dialect == "postgresql" else "sqlite:///read.db"
    database = open_database(url, root=tmp_path)
    upgrade(database, READ)
    yield database
    database.dispose()
    if dialect == "postgresql":
        drop_database(url)
