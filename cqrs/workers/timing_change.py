"""A timing as people ask for it: what they give, judged all at once, each fault with what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cqrs.errors import InvalidMessage
from cqrs.values import Refused
from cqrs.workers.cron import parse
from cqrs.workers.due_times import Timing
from cqrs.workers.timing_faults import LONGEST, faults_of

FIELDS = ("every_seconds", "cron", "zone", "anchor", "jitter_seconds")
SHORTEST = timedelta(minutes=1)
#: Due times that are looked at to tell how close to each other they are.
LOOKED_AT = 60


def changed_timing(timing: Timing, given: Mapping[str, object]) -> Timing:
    """With the fields that are given. A cron takes the place of an interval, and the other way round; None is no value.

    Raises InvalidMessage with all that is wrong, by field.
    """
    errors: dict[str, list[str]] = {}
    every, cron = given.get("every_seconds"), given.get("cron")
    if every is not None and cron is not None:
        sentence = "Give an interval or a cron, not both."
        raise InvalidMessage({"every_seconds": [sentence], "cron": [sentence]})
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in FIELDS or value is None:
            continue
        try:
            found |= READERS[name](value)
        except Refused as refused:
            errors[name] = [str(refused)]
    for name, before in (("every_seconds", timing.every), ("cron", timing.cron)):
        if name in given and before is not None and every is None and cron is None:
            errors[name] = ["Give an interval or a cron: without either it would never run."]
    if errors:
        raise InvalidMessage(errors)
    after = replace(timing, **found)
    faults = faults_of(after)
    if faults:
        raise InvalidMessage({name: [f"{fault[:1].upper()}{fault[1:]}."] for name, fault in faults.items()})
    closest = _closest(after)
    if closest is not None and after.jitter > closest / 2:
        most = int(closest.total_seconds()) // 2
        raise InvalidMessage(
            {
                "jitter_seconds": [
                    f"Give at most {most} seconds, half the time between two runs, so that they stay apart."
                ]
            }
        )
    return after


def _every(value: object) -> dict[str, Any]:
    seconds = _whole(value)
    if seconds is None or not SHORTEST.total_seconds() <= seconds <= LONGEST.total_seconds():
        raise Refused(
            f"Give whole seconds from {int(SHORTEST.total_seconds())} (a minute) to {int(LONGEST.total_seconds())} "
            "(366 days)."
        )
    return {"every": timedelta(seconds=seconds), "cron": None}


def _cron(value: object) -> dict[str, Any]:
    return {"cron": parse(_text(value)).text, "every": None}


def _zone(value: object) -> dict[str, Any]:
    name = _text(value).strip()
    if name not in available_timezones():
        raise Refused(f"There is no time zone “{name[:40]}”: give its name, such as UTC, Europe/Berlin or Asia/Tokyo.")
    ZoneInfo(name)
    return {"zone": name}


def _anchor(value: object) -> dict[str, Any]:
    try:
        found = datetime.fromisoformat(_text(value))
    except ValueError:
        raise Refused("Give a time such as 2026-01-01T02:00:00Z.") from None
    if found.tzinfo is None or not 2000 <= found.year < 2100:
        raise Refused("Give a time from 2000 to 2099 with its zone, such as 2026-01-01T02:00:00Z.")
    return {"anchor": found.astimezone(UTC)}


def _jitter(value: object) -> dict[str, Any]:
    seconds = _whole(value)
    if seconds is None or seconds < 0:
        raise Refused("Give whole seconds, 0 for none.")
    return {"jitter": timedelta(seconds=seconds)}


READERS: Mapping[str, Callable[[object], dict[str, Any]]] = {
    "every_seconds": _every,
    "cron": _cron,
    "zone": _zone,
    "anchor": _anchor,
    "jitter_seconds": _jitter,
}


def _whole(value: object) -> int | None:
    """Of a number, or of its digits as a form sends them."""
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9 else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("This must be text.")
    return value


def _closest(timing: Timing) -> timedelta | None:
    """The shortest time between two due times; None when there are no two."""
    if timing.every is not None:
        return timing.every
    due = timing.following(datetime(2026, 1, 1, tzinfo=UTC), LOOKED_AT)
    return min((after - before for before, after in pairwise(due)), default=None)
