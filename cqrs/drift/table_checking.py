"""Carries out checks of SQL projections, with a scratch generation that lives as long as the check."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cqrs.drift.check import LOG, Verdict, result_of
from cqrs.drift.checks import ENDED, UNFINISHED, Checks
from cqrs.drift.coverage import Coverages
from cqrs.drift.table_check import Overtaken, TableBench, check_tables
from cqrs.drift.tally import Tally
from cqrs.errors import ReplayStopped, ShapeMismatch
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.projections.scratch import Scratch
from cqrs.readmodels.snapshots import RowSnapshots

LEVEL = "full"


class TableChecking:
    """The handler of these checks. `scratch_of` makes the scratch generation of a projection for a run."""

    def __init__(
        self,
        checks: Checks,
        coverages: Coverages,
        snapshots: RowSnapshots,
        definition: Callable[[str], type[Projection]],
        scratch_of: Callable[[str, Progress], Scratch],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._coverages = coverages
        self._snapshots = snapshots
        self._definition = definition
        self._scratch_of = scratch_of
        self._monotonic = monotonic

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        """The scratch generation is dropped when the verdict is there: until then it is found again after a crash."""
        name = run.operation.projection
        origin = self._snapshots.origin(name)
        check = self._checks.begin(run.operation.id, name, level=LEVEL, reference=LOG, origin=origin)
        scratch = self._scratch_of(name, run)
        if check.verdict is None:
            tally = Tally(self._checks, check, None, monotonic=self._monotonic)
            bench = TableBench(self._definition(name), self._snapshots, scratch, self._coverages, run, tally)
            try:
                check = tally.finish(check_tables(bench))
            except (ShapeMismatch, ReplayStopped, Overtaken) as error:
                check = tally.end(Verdict.INCONCLUSIVE, str(error))
        scratch.drop()
        return result_of(check)

    def undo(self, run: Progress) -> str:
        self._scratch_of(run.operation.projection, run).drop()
        check = self._checks.of_operation(run.operation.id)
        if check is not None and check.verdict is None:
            self._checks.finish(check, Verdict.INCONCLUSIVE, UNFINISHED)
        return ENDED
