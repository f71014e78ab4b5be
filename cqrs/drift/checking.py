"""Carries out checks: chooses what is looked at by the level that was asked for, and says what it came to."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Mapping
from typing import Any

from cqrs.drift.bench import Bench, CheckSizes
from cqrs.drift.check import LOG, WRITE_MODEL, Check, Verdict, result_of
from cqrs.drift.checks import ENDED, UNFINISHED, Also, Checks
from cqrs.drift.coverage import Coverages
from cqrs.drift.full_check import check_all
from cqrs.drift.incremental_check import check_touched
from cqrs.drift.judge import Judge
from cqrs.drift.rolling_check import check_next
from cqrs.drift.sample_check import check_sample
from cqrs.drift.table_checking import TableChecking
from cqrs.drift.tally import Tally, Unsteady
from cqrs.drift.write_model_check import WriteModelSide, check_write_model
from cqrs.errors import ShapeMismatch
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.readmodels.foreign_writes import ForeignWrites


class Level(enum.StrEnum):
    """How much a check looks at."""

    FULL = "full"
    INCREMENTAL = "incremental"
    ROLLING = "rolling"
    SAMPLE = "sample"


LOOKS: Mapping[str, Callable[[Bench], Also]] = {
    Level.FULL: check_all,
    Level.INCREMENTAL: check_touched,
    Level.ROLLING: check_next,
    Level.SAMPLE: check_sample,
}


class Checking:
    """The handler of checks by keys. `judge_of` gives the judge of a projection by its name, `write_model_of` the
    write model of one that declares it."""

    def __init__(
        self,
        checks: Checks,
        coverages: Coverages,
        keys: KeyIndex,
        foreign: ForeignWrites,
        judge_of: Callable[[str], Judge],
        *,
        write_model_of: Callable[[str], WriteModelSide] | None = None,
        sizes: CheckSizes | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._coverages = coverages
        self._keys = keys
        self._foreign = foreign
        self._judge_of = judge_of
        self._write_model_of = write_model_of
        self._sizes = sizes or CheckSizes()
        self._monotonic = monotonic

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        given, name = run.parameters, run.operation.projection
        level, reference = given.get("level", Level.FULL.value), given.get("reference", LOG)
        origin = self._judge_of(name).snapshots.origin(name)
        check = self._checks.begin(run.operation.id, name, level=level, reference=reference, origin=origin)
        return result_of(self._carry_out(run, check) if check.verdict is None else check)

    def undo(self, run: Progress) -> str:
        check = self._checks.of_operation(run.operation.id)
        if check is not None and check.verdict is None:
            self._foreign.give_back(check.id)
            self._checks.finish(check, Verdict.INCONCLUSIVE, UNFINISHED)
        return ENDED

    def _carry_out(self, run: Progress, check: Check) -> Check:
        judge = self._judge_of(check.projection)
        tally = Tally(self._checks, check, judge, monotonic=self._monotonic)
        bench = Bench(
            judge=judge,
            keys=self._keys,
            coverages=self._coverages,
            foreign=self._foreign,
            run=run,
            tally=tally,
            sizes=self._sizes,
            monotonic=self._monotonic,
        )
        try:
            also = self._look(bench)
        except ShapeMismatch as error:
            self._foreign.give_back(check.id)
            return tally.end(Verdict.INCONCLUSIVE, str(error))
        except Unsteady as error:
            self._foreign.give_back(check.id)
            return tally.end(Verdict.NOT_DETERMINISTIC, str(error))
        if not tally.settled:
            self._foreign.give_back(check.id)
        return tally.finish(also)

    def _look(self, bench: Bench) -> Also:
        check = bench.tally.check
        if check.reference == WRITE_MODEL:
            assert self._write_model_of is not None
            return check_write_model(bench, self._write_model_of(check.projection))
        bench.index()
        return LOOKS[check.level](bench)


class AnyChecking:
    """Hands a check to who knows how, by whether the projection has keys."""

    def __init__(
        self, definition: Callable[[str], type[Projection]], by_keys: Checking, by_tables: TableChecking
    ) -> None:
        self._definition = definition
        self._by_keys = by_keys
        self._by_tables = by_tables

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        return self._who(run).carry_out(run)

    def undo(self, run: Progress) -> str:
        return self._who(run).undo(run)

    def _who(self, run: Progress) -> Checking | TableChecking:
        return self._by_keys if self._definition(run.operation.projection).keyed else self._by_tables
