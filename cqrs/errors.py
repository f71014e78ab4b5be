"""Every error this package raises on purpose. Each class's docstring is its message: what happened and what to do.

The facts given to the constructor fill the message and stay readable as attributes. HTTP codes live in the console.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence


class CqrsError(Exception):
    """Something went wrong in the event-sourcing core."""

    def __init__(self, **facts: object) -> None:
        self.__dict__.update(facts)
        self.facts = facts
        template = inspect.getdoc(type(self)) or ""
        super().__init__(" ".join(template.format(**facts).split()))


# -- messages ---


class InvalidMessage(CqrsError):
    """{summary}"""

    errors: Mapping[str, Sequence[str]]

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        lines = [f"{field}: {text}" if field else text for field, texts in errors.items() for text in texts]
        super().__init__(errors=errors, summary=" ".join(lines) or "The message is not valid.")


class NoHandler(CqrsError):
    """No handler for {name}. Check the spelling, or list its handler in the domain."""

    name: str


class UndeclaredEvent(CqrsError):
    """The event class {name} has no stored name. Declare it: @event("{name}")."""

    name: str


class UnlistedEvent(CqrsError):
    """The event class {name} belongs to no domain. Add it to the events of its domain."""

    name: str


class NotFound(CqrsError):
    """There is no {what} {name}."""

    what: str
    name: str


class AccessDenied(CqrsError):
    """{action} needs the role {needed}; {actor} has {role}. Ask an admin."""

    needed: str
    role: str


class IdempotencyConflict(CqrsError):
    """The idempotency key {key} was already used for another {command}. Send a new key with a new command."""

    key: str


class NotVisibleYet(CqrsError):
    """Position {wanted} is not visible yet: the read model has reached {reached}. Ask again shortly."""

    wanted: int
    reached: int


# -- the log ---


class ConcurrencyError(CqrsError):
    """Stream {stream} is at version {actual}, not {expected}: someone else wrote first. Load it again and retry."""

    stream: str
    expected: object
    actual: int


class InvalidStreamName(CqrsError):
    """The stream name {name!r} cannot be used: {why}. Use a category, a hyphen and an id, such as order-42."""

    name: str


class UnknownEventType(CqrsError):
    """Events of type {type} are in the log, but no domain declares that type. Add its class to the domain."""

    type: str


class UnreadableEvent(CqrsError):
    """The stored {type} of schema version {schema_version} cannot be read: {why}. Add or correct an upcaster."""

    type: str
    schema_version: int


class UnstorableEvent(CqrsError):
    """An event {type} for stream {stream} cannot be stored: {why}. Nothing was written."""

    type: str
    stream: str


class LogNotEmpty(CqrsError):
    """The log in {database} already holds events. Demo data are only loaded into an empty one."""


# -- databases ---


class UnsupportedDatabase(CqrsError):
    """The database URL {url} cannot be used: {why}."""


class DatabaseUnavailable(CqrsError):
    """The database {database} cannot be used: {why}. Check its address (DATABASE_URL, READ_DATABASE_URL) and that the
    server or file is reachable."""


class DatabaseBusy(CqrsError):
    """The database {database} is locked by another process for too long. Nothing was written; try again."""


class TransactionClash(DatabaseBusy):
    """Two transactions on {database} stood in each other's way. Nothing was written by this one; try again."""


class DiskFull(CqrsError):
    """The disk that holds {database} is full. Nothing was written; free some space and try again."""


class OrderNotHeld(CqrsError):
    """The transaction {transaction} does not hold the order of the log, or no longer does. Nothing was ended."""

    transaction: str


class HolderProtected(CqrsError):
    """The database role {role} may not end a transaction of {user}: nothing was ended. Have it done by a role that
    may, or grant {role} the role pg_signal_backend: {remedy}"""

    remedy: str


class HolderStays(CqrsError):
    """The session of {holder} was told to end and has not within {seconds} s; it ends with its present statement."""

    holder: str


class UnsafeDatabase(CqrsError):
    """The database {database} breaks a promise we need: {why}. Open it with cqrs.store.opening.open_database."""


class SchemaMissing(CqrsError):
    """The database {database} has no tables yet. Run: flask --app app cqrs init-db"""


class SchemaOutdated(CqrsError):
    """The tables of {database} are older than this program. Run: flask --app app cqrs init-db"""


class SchemaTooNew(CqrsError):
    """The tables of {database} were made by a newer program (revision {revision}). Start that one instead."""


# -- read models and projections ---


class InexactValue(CqrsError):
    """The value {value!r} cannot be stored exactly in {column}: {why}."""


class KeyChanged(CqrsError):
    """A handler changed the key of the row {key!r}. A row keeps its key: delete it and create another."""


class KeyUnreadable(CqrsError):
    """The key of the event {type} at {position} cannot be read: {why}. Correct the key, or add an upcaster."""

    type: str
    position: int


class RowsRefused(CqrsError):
    """The database refuses rows of {projection}: {why}. Correct the handler or the table's constraints."""


class TransactionNotYours(CqrsError):
    """The handler may neither commit nor roll back: its statements and the checkpoint are one transaction."""


class RowUnreadable(CqrsError):
    """The stored row {key} cannot be read: {why}. Somebody else wrote it: correct it, or replay."""


class HandlerBroken(CqrsError):
    """The handler looks broken: {parked} keys would be parked, the first for {error}. Correct it, then resume."""


class HistoryChanged(CqrsError):
    """History changed at position {position} or before: {why}, so {projection} was made from another one and stopped.
    Bring the log back that it was made from and resume it, or replay it from the log as it is now."""

    projection: str


class ProcessDied(CqrsError):
    """{deaths} processes died with this event in hand. Find out what its handler does to the process it runs in and
    correct it, then try again: the event is applied in the process that tries."""

    deaths: int


class Fenced(CqrsError):
    """Another worker took over projection {projection}, generation {generation}. This one lets go."""

    projection: str
    generation: int


class ShapeMismatch(CqrsError):
    """The read model {projection}, generation {generation}, differs from the code: {difference}. Replay it."""

    projection: str


class InlineRefused(CqrsError):
    """The inline projection {projection} refuses {type}, key {key}: {why}. Nothing was stored; correct the command, or
    the handler."""

    projection: str


class NotKeyed(CqrsError):
    """{projection} is a SQL projection: nobody can tell which events a row of it comes from, so its rows are not
    explained one by one, nor repaired. Check it in full, or replay it: all its rows are made anew and compared."""

    projection: str


class HistoryTooLong(CqrsError):
    """The row of {name} with this key has {events} events: more than {most} are not derived for a look at it.
    A check tells whether it is as they say, and a repair derives them all."""

    name: str
    events: str
    most: str


class PreviewTooLong(CqrsError):
    """The {keys} keys of {name} that were asked for have more than {most} events: too many to preview. Choose fewer
    rows, or repair or replay instead: a repair reads them all, and leaves alone what is right."""

    name: str
    most: str


class ReadModelMissing(CqrsError):
    """The read model {name} has no generation yet. Run: flask --app app cqrs init-db"""

    name: str


# -- set-up ---


class Faults(CqrsError):
    """{sentences}"""

    faults: Sequence[str]

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults=tuple(faults), sentences=" ".join(faults))


class SettingsFault(Faults):
    """{sentences}"""


class DomainFault(Faults):
    """{sentences}"""


# -- operators ---


class TooManyAttempts(CqrsError):
    """Too many failed attempts. Try again in {retry_after} s."""

    retry_after: int


class AlreadyThere(CqrsError):
    """There is already a {what} named {name}."""


class InvalidName(CqrsError):
    """The name {name!r} cannot be used: {why}. Choose another."""


class PersonDisabled(CqrsError):
    """{name} is disabled. Let them in again first: flask --app app cqrs people add {name} --role ROLE"""

    name: str


class NobodySetUp(CqrsError):
    """HOST={host} can be reached from other machines, but nobody is set up to sign in. Add someone first:
    flask --app app cqrs people add NAME --role admin"""


# -- workers ---


class PortInUse(CqrsError):
    """Port {port} on {host} is in use. Stop the other program, or choose another port: PORT=5001 make run"""


class CannotListen(CqrsError):
    """Cannot listen on {host}, port {port}: {why}. Choose another HOST or PORT."""


class NoWorker(CqrsError):
    """No worker is alive. Start one: make worker"""


# -- the console ---


class NotSignedIn(CqrsError):
    """Sign in first, or send a token that is in force: Authorization: Bearer <token>."""


class LinkNotValid(CqrsError):
    """This sign-in link is unknown, was used before, or has expired. Nobody was signed in; ask for a new one."""


class UnknownToProxy(CqrsError):
    """The proxy in front signed in {name}, who is unknown here. An admin can add them:
    flask --app app cqrs people add {name} --role ROLE"""

    name: str


class ReadOnly(CqrsError):
    """This console is read-only: nothing was changed. Start it without READ_ONLY to allow writes."""


class NotFromHere(CqrsError):
    """The request did not come from a page of this console: {why}. Nothing was changed; load the page again."""


class TooManyRequests(CqrsError):
    """This browser asks too often. Nothing was changed; go on in {retry_after} s."""

    retry_after: int


class WrongContentType(CqrsError):
    """The body must be JSON: send it with Content-Type: application/json. Nothing was changed."""


class OperationInTheWay(CqrsError):
    """{title} is not finished. Wait for it, or cancel it, then ask again."""

    id: str | None


class ScheduleFixed(CqrsError):
    """{name} is part of the program: it cannot be changed, paused or run by hand."""

    name: str


class ScheduleChanged(CqrsError):
    """{by} has changed {name} meanwhile: it now runs {words}. Yours was not saved: save again to replace that."""

    name: str
    by: str
    words: str


class ScheduleStands(CqrsError):
    """{name} cannot run: {why}. Nothing was started."""

    name: str


class OperationFinished(CqrsError):
    """{title} has already {state}: there is nothing left to cancel."""


class OperationNotWaiting(CqrsError):
    """{title} does not wait for review: it is {state}."""


class OperationCancelled(CqrsError):
    """{title} was asked to stop."""


class OperationHeld(CqrsError):
    """{title} waits for review."""


class OperationLost(CqrsError):
    """{title} was taken over by another worker. This one lets go."""


class CheckOvertaken(OperationLost):
    """The check of {projection} was taken over by another worker. This one lets go."""

    projection: str


class OperationInterrupted(CqrsError):
    """{title} was set aside because this worker stops. The next worker takes it up where it is."""


class PreflightChanged(CqrsError):
    """What a replay of {projection} would mean has changed since it was shown. Look at it again, then start it."""

    projection: str


class TooLittleSpace(CqrsError):
    """A new generation of {projection} needs about {needed} bytes, but the disk has room for {free} only. Nothing
    was started; make room first."""


class ReplayStopped(CqrsError):
    """Event {position} ({type}), key {key}, failed: {error}. Correct the handler, then start again."""


class ReplayOvertaken(CqrsError):
    """Generation {generation} of {projection} is gone: somebody dropped it. Start again."""


class NothingToRollBack(CqrsError):
    """{projection} has no earlier generation to go back to: they are dropped after 24 hours. Replay it instead."""

    projection: str


class RollBackRefused(CqrsError):
    """Generation {generation} of {projection} differs from the code: {difference}. Readers would fail, so a roll back
    to it is refused; bring that code back first, or replay."""

    projection: str


class GenerationStands(CqrsError):
    """Generation {generation} of {projection} was made by other code, so this code must not advance it. Bring that
    code back, or replay it."""

    projection: str


class RepairRefused(CqrsError):
    """{projection} cannot be repaired: {why}"""

    projection: str


class KeyNotParked(CqrsError):
    """The key {key} of {projection} is not parked: somebody released it, or it never was."""

    projection: str


class NotStopped(CqrsError):
    """{projection} does not stand at event {position}: it was let go on meanwhile, or stopped elsewhere. Nothing was
    set aside."""

    projection: str
    position: int


class NoKeyToSetAside(CqrsError):
    """{projection} stopped at event {position} without a key that could be set aside. Correct the code, then let it try
    again."""

    projection: str
    position: int


class ParkingRefused(CqrsError):
    """The keys that fail behind event {position} cannot be parked together for {projection}: {why}. Nothing was set
    aside. Look at its failures again, or park the one key at which it stands."""

    projection: str
    position: int


class ViewInUse(CqrsError):
    """The columns of {name} change, but others depend on its view: {why}. Drop those first, then start again."""
