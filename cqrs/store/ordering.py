"""The order of the log on PostgreSQL, where positions become visible in another order than they were drawn.

A reader that only asks for `position > last` loses every event that commits late with a smaller position. The proof
here needs no clock and no waiting time. Every append holds a shared advisory lock from before it draws its positions
until its transaction has ended. So when a row above a hole is visible, whoever drew the missing numbers is among
the holders of that lock or has ended already; and once all holders seen then have ended, a *new* snapshot shows each
missing position or shows that it died with a rollback.

Rules that keep the proof true: the sequence hands out one number at a time; PostgreSQL ends a transaction for all
snapshots before it releases its locks; a prepared transaction may change its name as a holder, so while one exists no
hole is passed; advisory locks are not replicated, so a server in recovery never passes one either.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cqrs.errors import UnsafeDatabase

#: First half of the advisory lock's key ("PROJ"); the second half is the events table, so two logs never meet.
LOCK_SPACE = 0x50524F4A
_LOCK_KEY = f"{LOCK_SPACE}, ('events'::regclass::oid::bigint & 2147483647)::integer"
#: What every append executes before it draws a position; the table's own trigger does it for foreign writers.
SHARED_LOCK = f"pg_advisory_xact_lock_shared({_LOCK_KEY})"
#: What a commit executes that must be alone in drawing positions (inline projections).
EXCLUSIVE_LOCK = f"pg_advisory_xact_lock({_LOCK_KEY})"
#: Restricts pg_locks (as l) to the transactions that may still own an invisible position.
HOLDS_THE_ORDER = f"""l.locktype = 'advisory' AND l.classid = {LOCK_SPACE} AND l.objsubid = 2 AND l.granted
    AND l.objid = ('events'::regclass::oid::bigint & 2147483647)::oid
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

_PREPARED = "prepared"

# One statement: its snapshot is taken first, pg_locks is read during execution and only when there is a hole.
_LOOK = f"""
SELECT v.seen, v.solid, v.top, (SELECT max(position) FROM events),
    CASE WHEN v.top > v.solid THEN (
        SELECT array_agg(CASE WHEN l.pid IS NULL THEN '{_PREPARED}' ELSE l.virtualtransaction END)
        FROM pg_locks l WHERE {HOLDS_THE_ORDER}) END,
    pg_is_in_recovery(), concat_ws('/', pg_postmaster_start_time(), 'events'::regclass::oid)
FROM (SELECT count(*) AS seen, coalesce(max(w.position), %(safe)s) AS top,
        coalesce(max(w.position) FILTER (WHERE w.position = %(safe)s + w.n), %(safe)s) AS solid
    FROM (SELECT position, row_number() OVER (ORDER BY position) AS n FROM events
        WHERE position > %(safe)s ORDER BY position LIMIT %(window)s) AS w) AS v"""

_DEAD = """
SELECT previous + 1, position - 1
FROM (SELECT position, lag(position, 1, %(safe)s::bigint) OVER (ORDER BY position) AS previous FROM events
    WHERE position > %(safe)s AND position <= %(until)s) AS seen
WHERE position > previous + 1 ORDER BY position"""

_SEQUENCE = """
SELECT s.seqcache, s.seqincrement, s.seqcycle FROM pg_sequence s
WHERE s.seqrelid = pg_get_serial_sequence('events', 'position')::regclass"""

_STORED = "SELECT safe_head, dead FROM order_progress"

# Losing the newest of these in a crash only means proving it again: no reason to wait for the disk.
_STORE = """
WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true)),
    buried AS (INSERT INTO dead_positions (first_position, last_position, proven_at)
        SELECT first, last, now() FROM unnest(%(first)s::bigint[], %(last)s::bigint[]) AS d(first, last), relaxed
        ON CONFLICT DO NOTHING)
INSERT INTO order_progress (id, safe_head, dead, proven_at) SELECT 1, %(safe)s, %(dead)s, now() FROM relaxed
ON CONFLICT (id) DO UPDATE SET safe_head = excluded.safe_head, dead = excluded.dead, proven_at = excluded.proven_at
WHERE order_progress.safe_head < excluded.safe_head"""


@dataclass(frozen=True, slots=True)
class _View:
    """What one statement saw beyond the safe head."""

    seen: int
    solid: int
    top: int
    head: int
    holders: frozenset[str]
    in_recovery: bool
    server: str


@dataclass(slots=True)
class _Hole:
    """A hole below a visible row, and the transactions that may own what is missing in it."""

    until: int
    waiting: frozenset[str]
    since: float


class SafeHead:
    """Proves, over all positions whatever their type, up to where the log is complete. One for each process.

    The safe head never moves back while the log stays the same; it is stored about once a second, so that the next
    process starts from there. After a restart or a fail-over of the server it is taken from the database again,
    because a replica may issue its last positions anew.
    """

    def __init__(self, engine: sa.Engine, *, window: int = 10_000, store_every: float = 1.0) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._window = window
        self._store_every = store_every
        self._lock = threading.Lock()
        self._started = 0
        self._server: str | None = None
        self._safe = self._stored = self._dead = 0
        self._stored_at = 0.0
        self._hole: _Hole | None = None
        self._buried: list[tuple[int, int]] = []

    @property
    def position(self) -> int:
        """The safe head of the last look."""
        return self._safe

    @property
    def dead(self) -> int:
        """How many positions at or below the safe head belong to no event."""
        return self._dead

    def waiting_for(self) -> tuple[frozenset[str], float]:
        """The virtual transactions that the first hole waits for, and since how many seconds; empty without a hole."""
        hole = self._hole
        return (hole.waiting, time.monotonic() - hole.since) if hole else (frozenset(), 0.0)

    def advance(self) -> int:
        """Look at the log and return the safe head; threads that ask while one is looking share the next look."""
        asked = self._started
        with self._lock:
            if self._started == asked:
                self._started += 1
                with self._engine.connect() as connection:
                    self._advance(connection)
            return self._safe

    def _advance(self, connection: sa.Connection) -> None:
        while self._step(connection):
            pass
        moved, due = self._safe > self._stored, time.monotonic() - self._stored_at >= self._store_every
        if moved and due:
            self._store(connection)

    def _step(self, connection: sa.Connection) -> bool:
        """One look and what it proves; true when another look may prove more."""
        view = self._look(connection)
        if view.server != self._server or view.head < self._safe:
            self._begin(connection, view)
            return True
        self._safe = view.solid
        if view.top == view.solid:
            self._hole = None
            return view.seen == self._window
        hole = self._hole
        if hole is None or hole.until <= view.solid:
            hole = self._hole = _Hole(view.top, view.holders, time.monotonic())
        hole.waiting &= view.holders
        if hole.waiting or _PREPARED in view.holders or view.in_recovery:
            return False
        self._bury(connection, hole.until)
        return True

    def _look(self, connection: sa.Connection) -> _View:
        rows = _run(connection, _LOOK, safe=self._safe, window=self._window)
        seen, solid, top, head, holders, in_recovery, server = rows[0]
        return _View(seen, solid, top, head or 0, frozenset(holders or ()), in_recovery, server)

    def _bury(self, connection: sa.Connection, until: int) -> None:
        """Pass all holes below `until`: their owners had ended before this statement took its snapshot."""
        for first, last in _run(connection, _DEAD, safe=self._safe, until=until):
            self._buried.append((first, last))
            self._dead += last - first + 1
        self._safe, self._hole = until, None

    def _begin(self, connection: sa.Connection, view: _View) -> None:
        """Start from what is stored, or from nothing when the log is shorter than that: it was restored."""
        rows = _run(connection, _STORED)
        safe, dead = rows[0] if rows else (0, 0)
        if safe > view.head:
            _run(connection, "DELETE FROM order_progress")
            safe = dead = 0
        self._check_sequence(connection)
        self._server, self._hole, self._buried = view.server, None, []
        self._safe = self._stored = safe
        self._dead = dead

    def _check_sequence(self, connection: sa.Connection) -> None:
        for cache, increment, cycle in _run(connection, _SEQUENCE):
            if (cache, increment, cycle) != (1, 1, False):
                why = f"the sequence of its positions has cache {cache}, increment {increment}, cycle {cycle}"
                raise UnsafeDatabase(database=self._engine.url.render_as_string(), why=why)

    def _store(self, connection: sa.Connection) -> None:
        first, last = [f for f, _ in self._buried], [d for _, d in self._buried]
        self._stored_at = time.monotonic()
        if _run(connection, "SELECT pg_is_in_recovery()")[0][0]:
            return
        _run(connection, _STORE, safe=self._safe, dead=self._dead, first=first, last=last)
        self._stored, self._buried = self._safe, []


def _run(connection: sa.Connection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """Execute on the driver's connection, prepared: these statements run some hundred times a second."""
    driver: Any = connection.connection.driver_connection
    cursor = driver.execute(statement, values, prepare=True)
    return cursor.fetchall() if cursor.description else []
