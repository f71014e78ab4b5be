"""A timing read back in words, so that people see whether they wrote what they meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from cqrs.workers.cron import Cron, parse
from cqrs.workers.due_times import Timing
from cqrs.workers.timing_faults import faults_of

DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
WEEKDAYS = (1, 2, 3, 4, 5)
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
#: Times are listed up to so many, and beyond where one an hour follows no rule.
MOST_TIMES = 4
#: What runs before this hour is said to run at night.
MORNING = 6


def timing_words(timing: Timing) -> str:
    """Such as "every night at 02:00 Europe/Berlin" or "every 15 minutes"."""
    if faults_of(timing):
        return "at times that cannot be read"
    if timing.every is not None:
        return f"every {_span(timing.every)}"
    cron = parse(timing.cron or "")
    words = _cron_words(cron)
    return words if _goes_on(cron) else f"{words} {timing.zone}"


def span_words(span: timedelta) -> str:
    """Such as "1 hour" or "90 seconds"."""
    words = _span(span)
    return words if words[0].isdigit() else f"1 {words}"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    unit, size = next((each for each in UNITS if seconds % each[1] == 0), UNITS[-1])
    number = seconds // size
    return unit if number == 1 else f"{number:,} {unit}s"


def _goes_on(cron: Cron) -> bool:
    """All day, every day: its zone makes no difference worth a word."""
    return cron.every_hour and cron.every_day and len(cron.months) == 12


def _cron_words(cron: Cron) -> str:
    times, each_day = _times(cron)
    days = _days(cron)
    if each_day:
        if not days:
            night = all(hour < MORNING for hour in cron.hours)
            return f"every {'night' if night else 'day'} at {times}"
        return f"{days} at {times}"
    return f"{times}, {days}" if days else times


def _times(cron: Cron) -> tuple[str, bool]:
    """The words, and whether they are times of a day rather than a pace."""
    if len(cron.hours) * len(cron.minutes) <= MOST_TIMES:
        return _and([f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes]), True
    if len(cron.minutes) == 1 and not cron.every_hour:
        return _once_an_hour(cron.hours, cron.minutes[0])
    pace = _pace(cron.minutes, 60, "minute") or _past_the_hour(cron)
    return pace if cron.every_hour else f"{pace}, {_and(_runs(cron.hours))}", False


def _once_an_hour(hours: Sequence[int], minute: int) -> tuple[str, bool]:
    pace = _pace(hours, 24, "hour")
    if pace is not None:
        return f"{pace} from {hours[0]:02}:{minute:02}", False
    if _in_a_row(hours):
        return f"every hour from {hours[0]:02}:{minute:02} to {hours[-1]:02}:{minute:02}", False
    return _and([f"{hour:02}:{minute:02}" for hour in hours]), True


def _past_the_hour(cron: Cron) -> str:
    if len(cron.minutes) > MOST_TIMES and _in_a_row(cron.minutes):
        return f"every minute from :{cron.minutes[0]:02} to :{cron.minutes[-1]:02}"
    past = _and([f":{minute:02}" for minute in cron.minutes])
    return f"every hour at {past}" if cron.every_hour else f"at {past}"


def _in_a_row(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _runs(hours: Sequence[int]) -> list[str]:
    """Hours that follow each other are one run: 8, 9, 10 is from 08:00 to 10:59."""
    runs: list[list[int]] = [[hours[0]]]
    for before, after in pairwise(hours):
        if after == before + 1:
            runs[-1].append(after)
        else:
            runs.append([after])
    return [f"from {run[0]:02}:00 to {run[-1]:02}:59" for run in runs]


def _pace(values: Sequence[int], whole: int, unit: str) -> str | None:
    """Values that divide the whole evenly; None when they do not."""
    if len(values) == 1:
        return None
    step = values[1] - values[0]
    if whole % step or len(values) != whole // step or any(b - a != step for a, b in pairwise(values)):
        return None
    pace = f"every {unit}" if step == 1 else f"every {step} {unit}s"
    return pace if values[0] == 0 or unit == "hour" else f"{pace} from :{values[0]:02}"


def _days(cron: Cron) -> str:
    months = "" if len(cron.months) == 12 else _and([MONTH_NAMES[month - 1] for month in cron.months])
    if len(cron.weekdays) < 7:
        days = f"every {_weekdays(cron.weekdays)}"
        return f"{days} in {months}" if months else days
    if len(cron.days) < 31:
        one = len(cron.days) == 1
        days = f"on day{'' if one else 's'} {_and([str(day) for day in cron.days])}"
        return f"{days} of {months}" if months else f"{days} of every month"
    return f"every day in {months}" if months else ""


def _weekdays(days: tuple[int, ...]) -> str:
    if days == WEEKDAYS:
        return "weekday"
    return _and([DAY_NAMES[day] for day in sorted(days, key=lambda day: day or 7)])


def _and(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
