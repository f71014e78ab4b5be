"""What every store of read models can do, whatever it is. Nothing here assumes SQL: rows are opaque once packed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from cqrs.readmodels.batch import Batch, Loaded
from cqrs.readmodels.difference import Compared
from cqrs.readmodels.generation import Failure, Generation, Standing
from cqrs.readmodels.rows import Key, Row, RowModel
from cqrs.readmodels.set_aside import Derive, Park, ParkedKey, Settled, Skip, Skipped, Skips


class GenerationRows(Protocol):
    """The rows of one generation, and the moves of its checkpoint."""

    def pack(self, keys: Sequence[Key], rows: Sequence[Row], *, settle: bool = False) -> Sequence[Any]:
        """Make rows ready to be written, without touching the database. `settle` gives the rows the values they
        would be read back with. Raises InexactValue or KeyChanged; `faults` then tells whose it is."""
        ...

    def faults(self, keys: Sequence[Key], rows: Sequence[Row]) -> Mapping[Key, Exception]: ...

    def load(self, keys: Collection[Key]) -> Loaded: ...

    def read_key(self, stored: tuple[Any, ...]) -> Key | None:
        """The key from its values as the database has them; None when they are no key of this table."""
        ...

    def is_empty(self) -> bool: ...

    def count(self, limit: int) -> int:
        """How many rows there are, counted no further than `limit`."""
        ...

    def commit(self, held: Generation, batch: Batch) -> Generation:
        """Move the checkpoint and write the batch, both or neither. Raises Fenced when the generation is no longer
        as `held` says, or was paused or failed meanwhile; RowsRefused when the data break a constraint."""
        ...

    def commit_sliced(self, held: Generation, batch: Batch) -> Generation:
        """The same in many short transactions, for a generation nobody reads. The last one moves the checkpoint;
        after a crash in between, rows are ahead of it and say so in `_pos`."""
        ...

    def refusals(self, packed: Sequence[Any]) -> list[str | None]:
        """For each row, why the database refuses it alone, or None. Writes nothing."""
        ...


class ReadModelStore(Protocol):
    """Generations, their leases and parked keys. Leases run by the clock of the database.

    Safe for use by several threads. Whatever the database itself does wrong is raised as DatabaseBusy, DiskFull,
    DatabaseUnavailable or the driver's own error; nothing is written then.
    """

    @property
    def lease_seconds(self) -> float:
        """How long a worker may be silent before another takes over."""
        ...

    def ensure(self, model: RowModel, *, shape: str, logic: str) -> Generation:
        """The live generation; an empty first one when there is none yet."""
        ...

    def create(self, model: RowModel, *, shape: str, logic: str, operation: str | None = None) -> Generation:
        """Another, empty generation, to be built beside the live one; the one there is, if that operation has made
        one already."""
        ...

    def hold(self, live: Generation, *, owner: str, seconds: float) -> Generation:
        """Take the lease from whoever has it, so that nobody moves the generation meanwhile. Raises Fenced when it is
        no longer the live one."""
        ...

    def swap(
        self,
        model: RowModel,
        live: Generation,
        candidate: Generation,
        *,
        outcome: str,
        standing: Standing | None = None,
    ) -> None:
        """Give readers `candidate` instead of `live`, which is kept; both held by the caller. One transaction.

        A pause goes on for the new one. Raises Fenced when either has moved or changed hands; DatabaseBusy when a
        reader is in the way, after a fraction of a second; ViewInUse.
        """
        ...

    def remember(self, held: Generation, outcome: str) -> None:
        """Write down what comparing it came to, for whoever goes on after a crash. Raises Fenced."""
        ...

    def readers_from_before(self, moment: datetime) -> int:
        """How many readers see the database as it was before this moment of its clock, and yet would see the view as
        it is after a swap: rows written since would be missing for them. Always 0 where a reader sees both as one."""
        ...

    def reopen(self, kept: Generation, operation: str) -> Generation:
        """Let a kept generation be moved again, for a roll back. Raises Fenced."""
        ...

    def put_back(self, projection: str, number: int) -> bool:
        """Undo `reopen`. False when it is not under way."""
        ...

    def drop(self, model: RowModel, number: int) -> bool:
        """Remove a generation that readers do not see, and all that belongs to it. False when there is none, or
        readers see it. Raises DatabaseBusy."""
        ...

    def compare(
        self, model: RowModel, live: Generation, candidate: Generation, *, after: tuple[Any, ...] | None, size: int
    ) -> Compared:
        """The next chunk of about `size` rows behind the key `after`, in the columns that both have."""
        ...

    def compare_keys(
        self, model: RowModel, live: Generation, candidate: Generation, keys: Sequence[tuple[Any, ...]]
    ) -> Compared:
        """The same for these keys."""
        ...

    def rows(self, model: RowModel, number: int) -> GenerationRows: ...

    def generations(self) -> tuple[datetime, list[Generation]]:
        """All of them, and the database's time at that same moment."""
        ...

    def overview(self) -> tuple[datetime, list[Generation], dict[tuple[str, int], int]]:
        """The same with how many keys are parked, by projection and generation; none where none are."""
        ...

    def acquire(self, projection: str, number: int, *, owner: str, anew: bool = False) -> Generation | None:
        """Take the lease, with a new token. None when somebody else holds it, or there is no such generation.

        A lease that another owner (or with `anew`: an earlier process of the same name) never gave back tells that it
        died: its generation then has a suspect.
        """
        ...

    def take_in_hand(self, held: Generation, position: int) -> Generation:
        """Write down what is about to be applied. Raises Fenced."""
        ...

    def renew(self, held: Generation) -> Generation:
        """Prolong the lease and show a sign of life; returns the generation as it now is. Raises Fenced."""
        ...

    def release(self, held: Generation) -> None:
        """Let others take over at once. Does nothing when it has already changed hands."""
        ...

    def fail(self, held: Generation, failure: Failure) -> None:
        """Stop at a failure until somebody resumes. Raises Fenced."""
        ...

    def pause(self, projection: str, *, by: str, reason: str | None) -> None:
        """No batch is committed after this returns."""
        ...

    def resume(self, projection: str) -> None:
        """Lift a pause, and a failure: it is tried again."""
        ...

    def parked_positions(self, projection: str, number: int) -> dict[str, int]:
        """The text of each parked key, and the position it was parked at."""
        ...

    def parked_since(self, projection: str, number: int, seconds: float) -> int:
        """How many keys were parked within that time and still are."""
        ...

    def parked_counts(self) -> dict[tuple[str, int], int]: ...

    def skips(self, projection: str) -> Skips:
        """What an operator decided to pass over."""
        ...

    def set_aside(self, projection: str, number: int, position: int) -> str | None:
        """What became of the event at a position: "parked", "waiting" behind one that is, or "skipped"."""
        ...

    def skipped(self, projection: str, *, before: tuple[int, str] | None, limit: int) -> list[Skipped]:
        """The newest event first, then by key; those behind the position and key `before`."""
        ...

    def park_failing(self, projection: str, park: Park) -> ParkedKey:
        """Set aside the key that the live generation stopped at, and let it go on, in one transaction that fences
        whoever moves it. Raises NotStopped unless it stands at that position; NoKeyToSetAside, ReadModelMissing."""
        ...

    def park_ahead(self, model: RowModel, looked: Generation, batch: Batch) -> None:
        """Write a batch that goes on behind the event at which the live generation stands, and sets aside what fails
        in it, in one transaction that fences whoever moves it. Raises NotStopped unless it still stands as `looked`
        says; RowsRefused when the data break a constraint, Fenced when it was paused meanwhile."""
        ...

    def skip_failing(self, projection: str, skip: Skip) -> str:
        """The same, but only this event is passed over, for that key; returns its text."""
        ...

    def find_parked(self, projection: str, number: int, key: str) -> ParkedKey | None: ...

    def settle_parked(
        self, model: RowModel, number: int, key: str, derive: Derive, *, skip: Skip | None = None
    ) -> Settled:
        """Settle a parked key in one transaction, which holds the checkpoint and fences whoever moves it.

        `derive` is called inside, with the checkpoint; what it returns is written. With `skip` the event the key is
        parked at is remembered as passed over. Raises KeyNotParked.
        """
        ...

    def bytes_of(self, model: RowModel, number: int) -> int | None:
        """What a generation takes on disk, its indexes included; None where nobody can tell."""
        ...

    def bytes_free(self) -> int | None:
        """What the disk still has room for; None where nobody can tell."""
        ...

    def parked(self, projection: str, number: int, *, after: str | None, limit: int) -> list[ParkedKey]:
        """Ordered by key, those behind `after`."""
        ...
