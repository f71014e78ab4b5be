"""Times as the reader's wall clock shows them, in the zone they chose."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import g

from cqrs.console import current
from cqrs.console.preferences import zone


class WallClock(NamedTuple):
    zone: ZoneInfo
    today: date

    def exact(self, moment: datetime) -> str:
        """To the second; the zone is named."""
        local = moment.astimezone(self.zone)
        return f"{local.replace(tzinfo=None).isoformat(' ', 'seconds')} {local.tzname() or ''}".rstrip()

    def brief(self, moment: datetime) -> str:
        """The time of day; the day too unless it is today."""
        local = moment.astimezone(self.zone)
        if local.date() == self.today:
            return f"{local:%H:%M:%S}"
        return f"{local.day} {local:%b %H:%M}" if local.year == self.today.year else f"{local.day} {local:%b %Y %H:%M}"


def wall_clock() -> WallClock:
    """The same all through a request: a list asks for it at every row."""
    if "wall_clock" not in g:
        here = zone()
        g.wall_clock = WallClock(here, current.runtime().clock().astimezone(here).date())
    found: WallClock = g.wall_clock
    return found
