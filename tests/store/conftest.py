"""A log on PostgreSQL with nothing but what its order needs, and writers that take their time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from cqrs.store.ordering import SafeHead
from tests.store.bare_log import Writer, create_bare_log


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    engine = create_bare_log(postgres_url)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(engine: sa.Engine, postgres_url: str) -> Iterator[Callable[..., Writer]]:
    opened: list[Writer] = []

    def open_writer(application: str = "writer") -> Writer:
        opened.append(Writer(postgres_url, application))
        return opened[-1]

    yield open_writer
    for each in opened:
        each.close()


@pytest.fixture
def tracker(engine: sa.Engine) -> SafeHead:
    return SafeHead(engine, store_every=0)
