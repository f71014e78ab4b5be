"""When a schedule is due: counted from what its row says, never from the start of a process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cqrs.workers.cron import Cron, parse

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)

#: How far the clocks of a zone are put at most, and how far back a cron is looked for (29 February may be 8 years off).
PUT = timedelta(hours=3)
LOOKED_BACK = tuple(timedelta(days=days) for days in (1, 8, 32, 367, 3_000))
#: Minutes are the finest a cron can say.
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Either `every`, in real time from the anchor on, or `cron`, by the clocks of the zone.

    Of a cron that does not name every hour, a time that the clocks skip when they are put forward is due the moment
    after, and one that happens twice when they are put back is due the first time. One of every hour follows real time.
    """

    every: timedelta | None = None
    cron: str | None = None
    zone: str = "UTC"
    anchor: datetime = ANCHOR
    #: What is due begins up to so much later, each time by another part of it. It is due at the same time all the same.
    jitter: timedelta = timedelta()

    @property
    def mark(self) -> str:
        """Tells this timing from any other: whoever changes it says which one they saw."""
        told = f"{self.every} {self.cron} {self.zone} {self.anchor.timestamp()} {self.jitter}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def next_due(self, after: datetime) -> datetime | None:
        """The first due time after that moment, in UTC; None for a cron that never fires again."""
        if self.every is not None:
            return max(self.anchor, self.anchor + ((after - self.anchor) // self.every + 1) * self.every)
        return _cron_after(parse(self.cron or ""), ZoneInfo(self.zone), after)

    def latest_due(self, now: datetime) -> datetime | None:
        """The last due time up to now; None when there was none yet."""
        if self.every is not None:
            return None if now < self.anchor else self.anchor + (now - self.anchor) // self.every * self.every
        for back in LOOKED_BACK:
            if self._is_due_between(now - back, now):
                return self._last_between(now - back, now)
        return None

    def following(self, after: datetime, count: int) -> list[datetime]:
        found: list[datetime] = []
        while len(found) < count:
            moment = self.next_due(found[-1] if found else after)
            if moment is None:
                break
            found.append(moment)
        return found

    def begins_at(self, identity: str, due_at: datetime) -> datetime:
        """When the schedule of this id begins what is due then. Whoever asks gets the same answer."""
        digest = hashlib.sha256(f"{identity} {due_at.timestamp()}".encode()).digest()
        return due_at + self.jitter * (int.from_bytes(digest[:4]) / 2**32)

    def _is_due_between(self, start: datetime, end: datetime) -> bool:
        found = self.next_due(start)
        return found is not None and found <= end

    def _last_between(self, start: datetime, end: datetime) -> datetime | None:
        """By halves: there is a due time between them."""
        while end - start > MINUTE:
            middle = start + (end - start) / 2
            if self._is_due_between(middle, end):
                start = middle
            else:
                end = middle
        return self.next_due(start)


def _cron_after(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime | None:
    unsteady = _offset(zone, after - PUT) != _offset(zone, after + PUT)
    wall = (after - (PUT if unsteady else timedelta())).astimezone(zone).replace(tzinfo=None)
    found: list[datetime] = []
    while True:
        following = cron.next_after(wall)
        if following is None:
            return min(found, default=None)
        wall = following
        moments = _moments(cron, zone, wall)
        found += [moment for moment in moments if moment > after]
        # Around a change of the clocks a later wall time may be an earlier moment.
        if found and (not unsteady or min(moments, default=after) > after + PUT):
            return min(found)


def _moments(cron: Cron, zone: ZoneInfo, wall: datetime) -> list[datetime]:
    """At which moments that time of the wall clock counts."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None) != wall:
        return [] if cron.every_hour else [_jump(zone, second, first)]
    return [first, second] if first != second and cron.every_hour else [first]


def _jump(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment between the two at which the clocks are put forward; to the second."""
    target = _offset(zone, after)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _offset(zone, middle) == target:
            after = middle
        else:
            before = middle
    return after


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
