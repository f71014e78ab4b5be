"""Times as the reader's wall clock shows them, in the zone they chose."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from flask import g

from cqrs.console import current
from cqrs.console.preferences import zone

MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class WallClock(NamedTuple):
    zone: ZoneInfo
    today: date

    def exact(self, moment: datetime) -> str:
        """To the second; the zone is named."""
        return self.brief_and_exact(moment)[1]

    def brief(self, moment: datetime) -> str:
        """The time of day; the day too unless it is today."""
        return self.brief_and_exact(moment)[0]

    def brief_and_exact(self, moment: datetime) -> tuple[str, str]:
        """Without strftime, which takes longer than all the rest of a line."""
        local = moment.astimezone(self.zone)
        exact = local.isoformat(" ", "seconds")[:19]
        if local.date() == self.today:
            brief = exact[11:]
        else:
            year = "" if local.year == self.today.year else f" {local.year}"
            brief = f"{local.day} {MONTHS[local.month]}{year} {exact[11:16]}"
        return brief, f"{exact} {local.tzname() or ''}".rstrip()


def wall_clock() -> WallClock:
    """The same all through a request: a list asks for it at every row."""
    if "wall_clock" not in g:
        here = zone()
        g.wall_clock = WallClock(here, current.runtime().clock().astimezone(here).date())
    found: WallClock = g.wall_clock
    return found
