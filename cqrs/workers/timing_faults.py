"""What keeps a timing from telling its due times: its row was edited by hand, or its zone left the machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from cqrs.values import Refused
from cqrs.workers.cron import parse
from cqrs.workers.due_times import Timing

LONGEST = timedelta(days=366)
NOTHING = timedelta()
SHOWN = 40


def faults_of(timing: Timing) -> Mapping[str, str]:
    """By field, a sentence without its full stop; empty when it can be used."""
    return {name: fault for name, fault in (_pace(timing), _zone(timing.zone), _jitter(timing.jitter)) if fault}


def _pace(timing: Timing) -> tuple[str, str]:
    if timing.every is not None:
        right = NOTHING < timing.every <= LONGEST
        return "every_seconds", "" if right else "its interval is not within 1 second and 366 days: give another"
    if timing.cron is None:
        return "every_seconds", "it has neither an interval nor a cron: give one of them"
    try:
        parse(timing.cron)
    except Refused as refused:
        return "cron", f"its cron “{timing.cron[:SHOWN]}” cannot be read. {refused}".removesuffix(".")
    return "cron", ""


def _zone(name: str) -> tuple[str, str]:
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return "zone", f"this machine knows no time zone “{name[:SHOWN]}”: give another, or install tzdata"
    return "zone", ""


def _jitter(jitter: timedelta) -> tuple[str, str]:
    return "jitter_seconds", "" if NOTHING <= jitter <= LONGEST else "its jitter is no number of seconds: give another"
