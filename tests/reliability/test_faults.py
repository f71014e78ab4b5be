"""A fault before and after every statement and commit there is: the old state or the new one, never one between."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
from typing import Any

import pytest

from cqrs.errors import CqrsError
from cqrs.readmodels import sql_rows
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from tests.reliability.conftest import Shelf
from tests.reliability.faults import Faults, Moment
from tests.reliability.operations import OPERATIONS, LiveBatch, Operation, SlicedBuild

#: 1: each call fails in its turn. 5: each fifth, beginning anywhere, which is enough to notice a careless change.
STRIDE = int(os.environ.get("FAULT_STRIDE", "5"))
MOST_CALLS = 500


@pytest.mark.parametrize("fatal", [False, True], ids=["the call fails", "the connection is lost"])
@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
def test_old_state_or_new_and_then_it_succeeds(
    kind: type[Operation], fatal: bool, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_rows, "SLICE", SlicedBuild.SLICE)
    operation = kind(shelf)
    operation.desk.main.dispose()  # From here on each connection is one that can fail.
    faults = Faults(operation.desk.main, fatal=fatal)
    seed = os.environ.get("FAULT_SEED") or str(random.randrange(10**9))
    print(f"FAULT_SEED={seed}")  # noqa: T201  # shown when the test fails
    first = random.Random(seed).randint(1, STRIDE)
    for moment in Moment:
        calls = campaign(operation, faults, moment, first)
        assert calls >= operation.fewest_calls, f"only {calls} calls failed: the faults are not where the work is"


def campaign(operation: Operation, faults: Faults, moment: Moment, first: int, stride: int = STRIDE) -> int:
    """Let calls fail in turn until the operation makes no more; the number of those it makes, at least."""
    for n in itertools.count(first, stride):
        assert n < MOST_CALLS
        operation.prepare()
        if faults.fatal:
            operation.desk.main.dispose()  # so that the opening of connections is among the calls
        before = operation.state()
        answered = attempt(operation, faults, n, moment)
        found = operation.state()
        if not answered:
            operation.run()
        after = operation.state()
        operation.check()
        where = f"{moment} call {n}: {faults.fired}"
        assert found in (before, after), where
        assert before != after, "nothing was done"
        if faults.fired is None:
            assert answered
            return n - 1
    raise AssertionError


def attempt(operation: Operation, faults: Faults, n: int, moment: Moment) -> bool:
    """Whether it was answered; a fault may also hit what is done again by itself."""
    with faults.arm(n, moment):
        try:
            operation.run()
        except CqrsError:
            assert faults.fired is not None
            return False
    return True


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_checkpoint_moved_in_a_transaction_of_its_own_is_found_out(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a campaign that does not notice this has tested nothing."""
    whole = sql_rows.SqlGenerationRows.commit

    def torn(self: Any, held: Generation, batch: Batch) -> Generation:
        empty = dataclasses.replace(batch, upserts=(), deletes=(), parked=(), held=())
        moved = whole(self, held, empty)
        with self._database.write(durable=False) as connection:
            self._run(connection, self._sql.upserts(batch.upserts))
        return moved

    monkeypatch.setattr(sql_rows.SqlGenerationRows, "commit", torn)
    operation = LiveBatch(shelf)
    operation.desk.main.dispose()
    with pytest.raises(AssertionError):
        campaign(operation, Faults(operation.desk.main, fatal=False), Moment.BEFORE, first=1, stride=1)
