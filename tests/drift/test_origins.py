"""What checks came to know belongs to the rows of one database: not to those of another that took its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cqrs.drift.coverage import Coverages
from cqrs.drift.standing import StandingDrift
from cqrs.readmodels.generation import GenerationId
from cqrs.runtime import Runtime
from cqrs.store import schema
from cqrs.store.opening import open_database
from cqrs.workers.operation_runner import OperationRunner
from tests.conftest import RuntimeFactory

OLD_CHECK = (
    "INSERT INTO checks (id, operation, projection, level, reference, verdict, generation, position, checked, missing,"
    " extra, changed, known, pending, underived, stored, cursor, saves, started_at, finished_at)"
    " VALUES ('c', 'o', 'gauges', 'full', 'log', 'none', 1, 9, 3, 0, 0, 0, 0, 0, 0, 0, '', 1,"
    " '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:01.000000Z')"
)
OLD_COVERAGE = "INSERT INTO coverage (projection, generation, verified_position) VALUES ('gauges', 1, 9)"
OLD_GENERATION = (
    "INSERT INTO generations (projection, generation, state, token, position, shape, logic, created_at)"
    " VALUES ('gauges', 1, 'live', 0, 9, '[]', 'x', '2026-01-01T00:00:00.000000Z')"
)


def check(runtime: Runtime) -> None:
    runtime.start_check("users", actor="ana")
    OperationRunner(runtime.operations, runtime.operation_handlers, "worker").step()


@pytest.mark.parametrize("same", [True, False], ids=["as it was", "made anew"])
def test_a_read_database_that_was_lost_takes_with_it_what_was_known(
    new_runtime: RuntimeFactory, tmp_path: Path, same: bool
) -> None:
    """Its place is taken by one in which generations are counted from 1 again."""
    settings = {"READ_DATABASE_URL": f"sqlite:///{tmp_path}/read.db"}
    before = new_runtime(**settings)
    before.init()
    check(before)
    assert before.projections.status("users").last_check is not None
    before.close()
    for file in () if same else tmp_path.glob("read.db*"):
        file.unlink()
    after = new_runtime(**settings)
    after.init()
    assert after.projections.live_number("users") == 1
    assert (after.projections.status("users").last_check is not None) is same
    assert (after.coverage("users").whole_at is not None) is same


def test_all_generations_of_one_database_have_one_origin(new_runtime: RuntimeFactory) -> None:
    runtime = new_runtime()
    runtime.init()
    runtime.projections.create_generation("users")
    with runtime.read.read() as connection:
        origins = connection.exec_driver_sql("SELECT DISTINCT origin FROM generations").scalars().all()
    assert len(origins) == 1
    assert origins[0]


def test_an_upgrade_keeps_what_was_known(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else "sqlite:///old.db"
    database = open_database(url, root=tmp_path)
    for chain, newest in ((schema.MAIN, "main_0009"), (schema.READ, "read_0008")):
        old = schema.Chain(tmp_path / newest, chain.version_table)
        shutil.copytree(chain.folder, old.folder, ignore=shutil.ignore_patterns(f"{newest}*", "__pycache__"))
        schema.upgrade(database, old)
    with database.write() as connection:
        for statement in (OLD_CHECK, OLD_COVERAGE, OLD_GENERATION):
            connection.exec_driver_sql(statement)
    for chain in (schema.MAIN, schema.READ):
        schema.upgrade(database, chain)
        schema.check(database, chain)
    with database.read() as connection:
        origin = connection.exec_driver_sql("SELECT origin FROM generations").scalar_one()
    live = GenerationId(1, origin)
    last = StandingDrift(database).read({"gauges": live})["gauges"].last_check
    assert last is not None
    assert last.verdict == "none"
    assert Coverages(database).of("gauges", live).verified_position == 9
    assert Coverages(database).of("gauges", GenerationId(1, "another")).verified_position is None
    database.dispose()
