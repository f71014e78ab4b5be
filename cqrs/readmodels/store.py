"""What every store of read models can do, whatever it is. Nothing here assumes SQL: rows are opaque once packed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from cqrs.readmodels.rows import Key, Row, RowModel

#: The suspect where a process died with nobody knows which event in hand, if with any.
ANY_EVENT = 0

#: Before the operation's id, for a generation that is made to be looked at by a check, and never for readers.
SCRATCH = "check "

#: Events passed over for some keys: the texts of those by position.
Skips = Mapping[int, Collection[str]]


class GenerationState(enum.StrEnum):
    #: Readers see it.
    LIVE = "live"
    #: Being filled; nobody reads it.
    BUILDING = "building"
    #: Was live, kept for a while to go back to.
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a projection stopped. `key` is None where not even the key could be read."""

    position: int
    event_type: str
    key: str | None
    error: str
    traceback: str | None
    at: datetime


class GenerationId(NamedTuple):
    """What tells a generation of a projection from all others, also from those of a database that was lost."""

    number: int
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One physical copy of a read model: what it has reached, who works on it, what keeps it from moving."""

    projection: str
    number: int
    state: GenerationState
    #: Grows whenever the generation changes hands: who holds an older one is fenced off.
    token: int
    position: int
    event_id: str | None
    owner: str | None
    lease_until: datetime | None
    heartbeat_at: datetime | None
    advanced_at: datetime | None
    shape: str
    logic: str
    created_at: datetime
    failure: Failure | None
    paused_at: datetime | None
    paused_by: str | None
    paused_reason: str | None
    #: The operation that is making it ready for readers, or did so last.
    operation: str | None = None
    #: What that came to, as JSON; written when readers were given this generation.
    outcome: str | None = None
    #: Since when readers no longer see it.
    kept_at: datetime | None = None
    #: Rolled back to although other code made it: it waits, paused, for that code or for a replay.
    stands: bool = False
    #: Where a process died at work: the event it had in hand, or ANY_EVENT; None when nothing is suspect any more.
    suspect: int | None = None
    #: Processes that died one after the other with the suspect in hand.
    deaths: int = 0
    #: What is in hand now; only written down while something is suspect.
    in_hand: int | None = None
    #: Of the database it was made in.
    origin: str = ""

    @property
    def id(self) -> GenerationId:
        return GenerationId(self.number, self.origin)

    @property
    def is_scratch(self) -> bool:
        return self.operation is not None and self.operation.startswith(SCRATCH)

    @property
    def made_for(self) -> str | None:
        """The id of the operation that makes it ready, or did so last; for readers or not."""
        return None if self.operation is None else self.operation.removeprefix(SCRATCH)

    @property
    def halted(self) -> bool:
        """Whether it may not move until somebody resumes it."""
        return self.paused_at is not None or self.failure is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedKey:
    """A key set aside with all events from `position` on, because that one failed."""

    key: str
    position: int
    event_type: str
    error: str
    traceback: str | None
    attempts: int
    #: How many events wait for it. A store fills in this and the next one.
    held: int = 0
    parked_at: datetime | None = None
    #: Who set it aside and why; None where the projection did so by itself.
    parked_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one fold came to. `upserts` are packed rows, whole and with their own `_pos`."""

    position: int
    event_id: str | None
    upserts: Sequence[Any] = ()
    deletes: Sequence[Key] = ()
    parked: Sequence[ParkedKey] = ()
    #: Key texts and positions of events that wait for a parked key.
    held: Sequence[tuple[str, int]] = ()
    #: As of Generation: ANY_EVENT while what comes next is suspect.
    suspect: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows by key; a key in neither has no row."""

    rows: Mapping[Key, Row]
    unreadable: Mapping[Key, Exception] = field(default_factory=dict)


class DifferenceKind(enum.StrEnum):
    """What is wrong with the rows of the generation that readers see, going by the one that was made anew."""

    #: Readers see other values.
    CHANGED = "changed"
    #: Readers do not see a row that should be there.
    MISSING = "missing"
    #: Readers see a row that should not be there.
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Difference:
    #: As the database has it, one value per key column: somebody else may have written what is no key of ours.
    key: tuple[Any, ...]
    kind: DifferenceKind
    #: The last event applied to the row that readers see; None where there is no row, or somebody else wrote it.
    live_pos: int | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Some rows of two generations at one moment, and the checkpoints of that moment."""

    live_position: int
    position: int
    #: Rows that readers see, the different ones included.
    rows: int
    differences: Sequence[Difference]
    #: Where the next chunk begins: behind this key. None when there are no more.
    end: tuple[Any, ...] | None = None


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


@dataclass(frozen=True, slots=True)
class Standing:
    """A generation that goes live although other code made it: it is paused, and says by whom and why."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Who decided to set aside the key that failed at an event, and why; and how often it was tried."""

    position: int
    by: str
    reason: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Who decided to pass over an event, and why."""

    position: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that is passed over for one key, in every generation."""

    position: int
    key: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the events of a parked key came to at a checkpoint."""

    #: The packed row; none where it is to be deleted, or is to be left as it is.
    upsert: Sequence[Any] = ()
    delete: bool = False
    #: The key fails again, at this event; None when all is applied.
    parked: ParkedKey | None = None


#: From the checkpoint to what a parked key came to at it.
Derive = Callable[[int], Settled]


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
