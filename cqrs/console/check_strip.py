"""The past checks of a projection as a strip of bars, each a link: as high as rows differed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cqrs.console import drift_words
from cqrs.console.filters import clock
from cqrs.drift.check import Check

#: Checks that have a place in it; the newest stands right.
PLACES = 60
SLOT, BAR, HEIGHT = 20, 9, 40
#: So that one row in a million is seen, and a check without any too.
LEAST, NONE = 6, 3


@dataclass(frozen=True, slots=True)
class CheckBar:
    check: Check
    x: int
    y: float
    height: float
    #: Empty where nothing differs: that is no news.
    state: str
    words: str
    current: bool


@dataclass(frozen=True, slots=True)
class CheckStrip:
    bars: Sequence[CheckBar]
    oldest: datetime | None
    newest: datetime | None
    width: int = PLACES * SLOT
    height: int = HEIGHT
    bar: int = BAR


def check_strip(checks: Sequence[Check], current: str | None = None) -> CheckStrip:
    """`checks` are the newest first; those that are not finished have no bar yet."""
    shown = [each for each in checks if each.verdict is not None][:PLACES]
    most = max((each.differing for each in shown), default=0)
    bars = [_bar(each, place, most, each.id == current) for place, each in enumerate(shown)]
    return CheckStrip(
        bars=bars[::-1],
        oldest=shown[-1].started_at if shown else None,
        newest=shown[0].started_at if shown else None,
    )


def _bar(check: Check, place: int, most: int, current: bool) -> CheckBar:
    height = round(LEAST + (HEIGHT - LEAST) * check.differing / most, 1) if check.differing else NONE
    glyph, word = drift_words.told(check.verdict)
    differ = drift_words.differ(check.differing) if check.verdict in ("drift", "none") else word
    return CheckBar(
        check=check,
        x=(PLACES - 1 - place) * SLOT + (SLOT - BAR) // 2,
        y=HEIGHT - height,
        height=height,
        state="" if glyph == "ok" else glyph,
        words=f"{clock(check.started_at)}: {differ}{', this check' if current else ''}",
        current=current,
    )
