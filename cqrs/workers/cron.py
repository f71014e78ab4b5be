"""Cron expressions of five fields, read with APScheduler's trigger and told back in words.

Two habits of crons are settled here. Days of the week are numbered as crons number them, 0 and 7 being Sunday (the
library begins at Monday). And days of the month beside days of the week are refused: some crons then want both, some
either.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from apscheduler.triggers.cron import CronTrigger

from cqrs.values import Refused

LONGEST = 200
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAMES = dict(zip(MONTHS, range(1, 13), strict=True)), dict(zip(DAYS, range(7), strict=True))

PART = re.compile(r"(?P<all>\*)?(?P<first>\w+)?(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    lowest: int
    highest: int


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12),
    Field("day of the week", 0, 7),
)
EXAMPLE = "Give five fields: minute, hour, day of the month, month, day of the week, such as “0 2 * * *” for 02:00."


@dataclass(frozen=True, slots=True)
class Cron:
    """What an expression stands for; a field that leaves everything open holds all its values."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def every_hour(self) -> bool:
        return len(self.hours) == 24

    @property
    def every_day(self) -> bool:
        return len(self.days) == 31 and len(self.weekdays) == 7

    def next_after(self, wall: datetime) -> datetime | None:
        """By a clock on the wall, which is never put forward or back: naive times. None when it never fires again."""
        after = wall.replace(tzinfo=UTC) + timedelta(microseconds=1)
        found = cast("datetime | None", _trigger(self).get_next_fire_time(None, after))
        return None if found is None else found.replace(tzinfo=None)


@functools.lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """Raises Refused with what to write instead."""
    words = text.lower().split()
    if len(text) > LONGEST or len(words) != len(FIELDS):
        raise Refused(EXAMPLE)
    minutes, hours, days, months, weekdays = (_values(*each) for each in zip(FIELDS, words, strict=True))
    cron = Cron(" ".join(words), minutes, hours, days, months, tuple(sorted({day % 7 for day in weekdays})))
    if len(cron.days) < 31 and len(cron.weekdays) < 7:
        raise Refused(
            "Give days of the month or days of the week and leave the other *: with both, some crons want either and "
            "some want both."
        )
    if cron.next_after(datetime(2024, 1, 1)) is None:
        raise Refused("This never happens: none of those months has such a day. Choose a day that there is, or *.")
    return cron


def _values(field: Field, text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_range(field, part))
    return tuple(sorted(found))


def _range(field: Field, part: str) -> range:
    match = PART.fullmatch(part)
    if match is None or bool(match["all"]) == bool(match["first"]) or (match["all"] and match["last"]):
        raise Refused(f"“{part}” is no {field.name}: {_hint(field)}")
    step = int(match["step"] or 1)
    if match["all"]:
        highest = min(field.highest, 6) if field.name == "day of the week" else field.highest
        first, last = field.lowest, highest
    else:
        first = _number(field, match["first"])
        last = _number(field, match["last"]) if match["last"] else field.highest if match["step"] else first
    if last == 0 and first and field.highest == 7:
        last = 7  # a week that ends on Sunday
    if not 1 <= step <= max(1, field.highest - field.lowest):
        raise Refused(f"“{part}” has no such step: {_hint(field)}")
    if last < first:
        raise Refused(f"“{part}” ends before it begins: write it as two ranges, with a comma between them.")
    return range(first, last + 1, step)


def _number(field: Field, word: str) -> int:
    names = {"month": NAMES[0], "day of the week": NAMES[1]}.get(field.name, {})
    number = int(word) if word.isascii() and word.isdigit() and len(word) <= 2 else names.get(word, -1)
    if not field.lowest <= number <= field.highest:
        raise Refused(f"“{word[:20]}” is no {field.name}: {_hint(field)}")
    return number


def _hint(field: Field) -> str:
    named = {"month": " or jan to dec", "day of the week": " (0 and 7 are Sunday) or mon to sun"}.get(field.name, "")
    return f"write {field.lowest} to {field.highest}{named}, *, a list such as 1,3, a range such as 1-5, or */5."


@functools.lru_cache(maxsize=256)
def _trigger(cron: Cron) -> CronTrigger:
    def told(values: tuple[int, ...]) -> str:
        return ",".join(map(str, values))

    return CronTrigger(
        minute=told(cron.minutes),
        hour=told(cron.hours),
        day="*" if len(cron.days) == 31 else told(cron.days),
        month=told(cron.months),
        day_of_week="*" if len(cron.weekdays) == 7 else ",".join(DAYS[day] for day in cron.weekdays),
        second="0",
        timezone=UTC,
    )
