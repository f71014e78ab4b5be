"""A station on each kind of database."""

from __future__ import annotations

import pytest

from cqrs.store.database import Database
from tests.drift.gauges import Station


@pytest.fixture
def station(database: Database) -> Station:
    station = Station(database)
    station.populate()
    return station
