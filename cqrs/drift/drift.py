"""Everything about drift in one program: who carries out checks and repairs, and what can be asked about rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cqrs.drift.check import Found, Verdict
from cqrs.drift.checking import AnyChecking, Checking
from cqrs.drift.checks import Checks
from cqrs.drift.coverage import Coverage, Coverages
from cqrs.drift.explanation import WHOLE, Explanation, Window, explain
from cqrs.drift.finding_keys import has_key
from cqrs.drift.judge import Judge
from cqrs.drift.repair import Note, Repair
from cqrs.drift.repair_preview import Preview, preview
from cqrs.drift.table_checking import TableChecking
from cqrs.drift.write_model_check import WriteModelSide
from cqrs.drift.write_model_rows import WriteModelRows
from cqrs.errors import InvalidMessage, RepairRefused
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projections import Projections
from cqrs.readmodels.foreign_writes import ForeignWrites
from cqrs.readmodels.row_repairs import RowRepairs
from cqrs.readmodels.snapshots import RowSnapshots
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: Rows that are derived for a look at a repair.
PREVIEWED = 200


class Drift:
    """Checks and what they know lie in `main`, rows in `read`. `keys` answers people; `own_keys` works for checks: a
    follower of the log is for one thread at a time."""

    def __init__(
        self,
        projections: Projections,
        *,
        events: EventStore,
        types: EventTypes,
        main: Database,
        read: Database,
        keys: KeyIndex,
        own_keys: KeyIndex,
        note: Note,
    ) -> None:
        self.checks = Checks(main)
        self._coverages = Coverages(main)
        self._projections = projections
        self._events = events
        self._types = types
        self._main = main
        self._keys = keys
        self._store = SqlReadModelStore(read)
        self._snapshots = RowSnapshots(read)
        by_keys = Checking(
            self.checks,
            self._coverages,
            own_keys,
            ForeignWrites(read),
            self.judge,
            write_model_of=self._write_model_side,
        )
        by_tables = TableChecking(
            self.checks, self._coverages, self._snapshots, projections.definition, projections.scratch
        )
        #: How checks are carried out, and repairs.
        self.checking = AnyChecking(projections.definition, by_keys, by_tables)
        self.repair = Repair(self.checks, self.judge, RowRepairs(read, self._store.lease_seconds), self._store, note)

    def judge(self, name: str) -> Judge:
        """Derives rows of a read model from the log and compares them. Raises NotFound."""
        return Judge(
            self._projections.definition(name),
            events=self._events,
            types=self._types,
            store=self._store,
            snapshots=self._snapshots,
            keys=self._keys,
        )

    def coverage(self, name: str) -> Coverage:
        """How much of the rows that readers see checks have looked at, and when. Raises NotFound."""
        return self._coverages.of(name, self._projections.live_id(name))

    def explain(self, name: str, key: str, *, window: Window = WHOLE) -> Explanation:
        """How the row of this key (its text) came about. Raises NotFound, ReadModelMissing, ShapeMismatch, NotKeyed,
        HistoryTooLong."""
        self._projections.keyed(name)
        head = self._events.safe_head()
        return explain(self.judge(name), self._store, self._keys, key, head=head, window=window)

    def has_key(self, name: str, found: Found) -> bool:
        """Whether the row that was found can be asked for by its key. Raises NotFound."""
        projection = self._projections.definition(name)
        return projection.keyed and has_key(found, projection.model)

    def preview_repair(
        self,
        name: str,
        *,
        keys: Sequence[str] | None = None,
        check: str | None = None,
        only: Collection[int] | None = None,
        limit: int = PREVIEWED,
    ) -> Preview:
        """What a repair would write now, of `limit` keys at most; of a check the findings with the numbers in `only`.
        Raises what `repairable` raises; ReadModelMissing, PreviewTooLong."""
        self.repairable(name, keys, check)
        found = [] if check is None else self.checks.unresolved(check, only)
        texts = list(keys or ()) if check is None else [each.key for each in found if self.has_key(name, each)]
        no_keys = 0 if check is None else len(found) - len(texts)
        return preview(self.judge(name), self._store, texts[:limit], no_keys=no_keys)

    def repairable(self, name: str, keys: Sequence[str] | None, check: str | None) -> None:
        """Raises NotFound, NotKeyed; RepairRefused when that check cannot be relied on; InvalidMessage unless there is
        something to repair."""
        self._projections.keyed(name)
        if (keys is None) == (check is None):
            raise InvalidMessage({"keys": ["Give keys, or a check."]})
        if check is not None:
            found = self.checks.get(check)
            if found.projection != name:
                raise InvalidMessage({"check": [f"This was a check of {found.projection}."]})
            if found.verdict == Verdict.NOT_DETERMINISTIC:
                raise RepairRefused(projection=name, why="its handlers are not deterministic. Correct them first.")
            if not self.checks.keys_of(check):
                raise InvalidMessage({"check": ["It found nothing that is not repaired yet."]})
        elif not keys:
            raise InvalidMessage({"keys": ["Give at least one key."]})

    def _write_model_side(self, name: str) -> WriteModelSide:
        projection = self._projections.definition(name)
        assert projection.write_model is not None
        return WriteModelSide(
            WriteModelRows(self._main, projection.write_model, projection.model),
            self._events.head,
            lambda name, position, seconds: self._projections.wait([name], position, seconds),
        )
