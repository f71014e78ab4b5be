"""How numbers, times and ids are written on pages: one way each."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from cqrs.console import current
from cqrs.console.addresses import in_path
from cqrs.console.wall_clock import wall_clock

UNKNOWN = "unknown"
DAY = 86_400
UUID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{4}([0-9a-f]{8})")
LONGEST_SHOWN = 32


def number(value: float | Decimal | None) -> str:
    """1204518 becomes 1,204,518; fractions keep at most one place, decimals all of theirs."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return f"{value:,.1f}".removesuffix(".0")


def counted(count: int, noun: str) -> str:
    """Such as "1 event" and "1,204 events"."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """The two largest units that say something: 42 s, 1 min 36 s, 2 h 5 min, 3 d 4 h."""
    if seconds is None:
        return UNKNOWN
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}".removesuffix(".0") + " s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return _two(whole, 60, "min", 1, "s")
    if whole < DAY:
        return _two(whole, 3_600, "h", 60, "min")
    return _two(whole, DAY, "d", 3_600, "h")


def _two(seconds: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large} {large_unit}" + (f" {rest} {small_unit}" if rest else "")


def about(seconds: float | None) -> str:
    """An estimate, in the middle of a sentence."""
    if seconds is None:
        return "an unknown time"
    return f"about {duration(seconds)}" if seconds >= 1 else "under 1 s"


def ago(moment: datetime | None) -> str:
    """Relative below a day, the date and time beyond; small differences of clocks are not the future."""
    if moment is None:
        return UNKNOWN
    seconds = int((current.runtime().clock() - moment).total_seconds())
    if seconds >= DAY:
        return clock(moment)
    if seconds < -60:
        return f"in {duration(-seconds)}"
    return f"{duration(max(0, seconds))} ago" if seconds > 0 else "just now"


def until(moment: datetime | None) -> str:
    """How long it is to a time to come, to the second."""
    if moment is None:
        return UNKNOWN
    seconds = (moment - current.runtime().clock()).total_seconds()
    return f"in {duration(int(seconds))}" if seconds >= 1 else "now"


def instant(moment: datetime | None) -> str:
    """For machines: ISO 8601 in UTC."""
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment(moment: datetime | None) -> str:
    """Exact, in the zone the reader chose, which is named."""
    return UNKNOWN if moment is None else wall_clock().exact(moment)


def clock(moment: datetime | None) -> str:
    """The time of day; the day too unless it is today."""
    return UNKNOWN if moment is None else wall_clock().brief(moment)


def short_id(text: str | None) -> str:
    """The part of a UUID that tells it from its neighbours: time-ordered ones all begin alike."""
    if text is None:
        return UNKNOWN
    shown = UUID.sub(lambda found: f"…{found[3]}" if found[2] == "7" else found[1], text)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN - 9]}…{shown[-8:]}"


def bytes_(size: float | None) -> str:
    """Decimal units: 1 kB is 1,000 bytes."""
    if size is None:
        return UNKNOWN
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} TB"


def compact_json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def quoted(text: str) -> str:
    """A text as JSON writes it: line breaks, quotes and control characters are seen for what they are."""
    return compact_json(text)


FILTERS = (number, duration, about, ago, until, instant, moment, clock, short_id, bytes_, compact_json, quoted, in_path)
