"""Drift in words: how many rows, what a check came to, and what each level looks at."""

from __future__ import annotations

from collections.abc import Iterable

from cqrs.console.filters import counted, number
from cqrs.drift.check import LOG, Check
from cqrs.projections.drift_known import DriftKnown
from cqrs.projections.status import ProjectionStatus

#: By verdict: the glyph, and the word for tables.
VERDICTS = {
    "none": ("ok", "no drift"),
    "drift": ("drift", "drift"),
    "inconclusive": ("unknown", "inconclusive"),
    "not_deterministic": ("warn", "not deterministic"),
}
#: What a check of this level looks at.
LEVELS = {
    "full": "all rows",
    "incremental": "what may have changed since",
    "rolling": "the next rows in turn",
    "sample": "a random sample",
    "keys": "rows that were repaired",
}
REFERENCES = {"log": "the log", "write_model": "the write model"}


def told(verdict: str | None) -> tuple[str, str]:
    """Glyph and word; of a check that is not finished too."""
    return ("replaying", "running") if verdict is None else VERDICTS.get(verdict, ("unknown", verdict))


def of_rows(count: int) -> str:
    return counted(count, "row")


def rows(drift: DriftKnown) -> str:
    """How many stand, such as "5 rows" or "at least 1,000 rows"."""
    return f"{'at least ' if drift.capped else ''}{of_rows(drift.standing)}"


def attention(statuses: Iterable[ProjectionStatus]) -> tuple[str, str] | None:
    """State and words for the navigation, only where rows differ."""
    standing = [status.drift for status in statuses if status.drift.standing]
    if not standing:
        return None
    total = DriftKnown(standing=sum(each.standing for each in standing), capped=any(each.capped for each in standing))
    return "drift", rows(total).replace("at least ", "≥ ")


def ways(offered: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The checks a projection may have, by what a form sends, in words."""
    return {
        f"{name}/{against}": level(name) if against == LOG else f"{level(name)}, against {reference(against)}"
        for name, against in offered
    }


def level(name: str) -> str:
    return LEVELS.get(name, name)


def reference(name: str) -> str:
    return REFERENCES.get(name, name)


def differ(count: int) -> str:
    """Such as "5 rows differ"."""
    return f"{of_rows(count)} differ{'s' if count == 1 else ''}" if count else "no row differs"


def kinds(check: Check) -> str:
    """Such as "3 are changed, 1 is missing, 1 is extra."; empty where nothing differs."""
    found = [(check.changed, "changed"), (check.missing, "missing"), (check.extra, "extra")]
    told = [f"{number(n)} {'is' if n == 1 else 'are'} {word}" for n, word in found if n]
    return f"{', '.join(told)}." if told else ""


def sentence(check: Check) -> str:
    """What it came to, or how far it is; the heading of its page."""
    name, right = check.projection, REFERENCES.get(check.reference, check.reference)
    theirs = "their events" if check.reference == "log" else right
    if check.verdict is None:
        return f"{name} is being checked."
    if check.verdict == "not_deterministic":
        return f"{name} does not come out the same twice."
    if check.verdict == "inconclusive":
        return f"The check of {name} is inconclusive."
    if check.differing:
        its = theirs.replace("their events", "its events") if check.checked == 1 else theirs
        return f"{number(check.differing)} of {of_rows(check.checked)} of {name} {_verb(check.differing)} from {its}."
    if not check.checked and check.level != "full":
        return f"No row of {name} had to be looked at."
    if not check.checked:
        return f"{name} has no rows, and no event says it should."
    if check.checked == 1:
        return f"The row of {name} that was checked is what {theirs.replace('their', 'its')} say{_s(check)}."
    return f"All {of_rows(check.checked)} of {name} that were checked are what {theirs} say{_s(check)}."


def _verb(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _s(check: Check) -> str:
    return "" if check.reference == "log" else "s"


def share(part: int, whole: int) -> str:
    """Such as "0.05 %"; what is there is never 0 %."""
    if not whole:
        return "unknown"
    percent = 100 * part / whole
    if part and percent < 0.01:
        return "less than 0.01 %"
    return f"{percent:.2f}".rstrip("0").rstrip(".") + " %"


def ways_out(check: Check, *, logic_changed: bool) -> str:
    """What helps where a check could not tell."""
    if check.verdict == "not_deterministic":
        return "Nothing was compared, and a repair is refused: correct the handlers, then replay."
    if logic_changed:
        return "Rows made by other code may differ without being wrong. Replay it, then check again."
    return "No row was changed. Check again; the reason above says what stood in the way."
