"""What the drift page shows: each projection with its last check, and the checks that are going on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request, url_for

from cqrs.console import current, drift_words, navigation
from cqrs.console.check_strip import CheckStrip, check_strip
from cqrs.console.links import with_query
from cqrs.console.operation_rows import OperationRow, operation_rows
from cqrs.console.parameters import Parameters
from cqrs.drift.check import Check
from cqrs.drift.coverage import Coverage
from cqrs.projections.drift_known import LastCheck
from cqrs.projections.status import ProjectionStatus
from cqrs.workers.operation import Operation
from cqrs.workers.schedule import Upcoming

#: Past checks of each projection, and checks of all in the list.
PAST, RECENT = 60, 12
MOST_SCHEDULES = 1_000
KINDS = ("check", "repair")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    status: ProjectionStatus
    last: LastCheck | None
    glyph: str
    word: str
    level: str
    strip: CheckStrip
    #: What is being checked or repaired now.
    operation: Operation | None
    #: The check that is due next by itself; None when none is.
    due: Upcoming | None
    coverage: Coverage
    #: The checks it may have, in words.
    ways: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RecentCheck:
    check: Check
    glyph: str
    word: str
    sentence: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPage:
    headline: str
    lede: str
    rows: Sequence[DriftRow]
    running: Sequence[OperationRow]
    recent: Sequence[RecentCheck]
    newest: str | None
    older: str | None


def drift_page() -> DriftPage:
    """Raises InvalidMessage for parameters that make no sense."""
    asked = Parameters(request.args)
    before, projection = asked.text("before"), asked.text("projection")
    asked.check()
    kept = {"projection": projection}
    statuses = sorted(navigation.statuses(), key=lambda each: (-each.drift.standing, each.name))
    due = _due()
    doing = [each for each in navigation.operations() if each.kind in KINDS]
    found = current.runtime().checks.page(projection=projection, before=before, limit=RECENT + 1)
    recent, here = found[:RECENT], url_for("drift.index")
    return DriftPage(
        headline=_headline(statuses),
        lede=_lede(statuses),
        rows=[_row(each, doing, due.get(each.name)) for each in statuses],
        running=operation_rows(doing),
        recent=[_recent(each) for each in recent],
        newest=with_query(here, kept) if before else None,
        older=with_query(here, {**kept, "before": recent[-1].id}) + "#recent" if len(found) > RECENT else None,
    )


def _headline(statuses: Sequence[ProjectionStatus]) -> str:
    drifted = [each for each in statuses if each.drift.standing]
    checked = [each for each in statuses if each.last_check is not None]
    if drifted:
        told = drift_words.attention(statuses)
        rows = told[1].replace("≥", "at least") if told else ""
        where = f"of {drifted[0].name}" if len(drifted) == 1 else f"of {len(drifted)} read models"
        return f"{rows.capitalize()} {where} {'differs' if rows == '1 row' else 'differ'} from their events."
    if not statuses:
        return "There is nothing to check."
    if not checked:
        return "Nothing has been checked yet."
    return "No drift is known."


def _lede(statuses: Sequence[ProjectionStatus]) -> str:
    never = [each.name for each in statuses if each.last_check is None and each.generation is not None]
    said = ["A check derives rows again from the log and compares them with the stored ones, column by column."]
    if never and len(never) < len(statuses):
        said.append(f"Never checked: {', '.join(never)}.")
    return " ".join(said)


def _due() -> Mapping[str | None, Upcoming]:
    """The soonest of each projection."""
    upcoming = current.runtime().schedules.upcoming(limit=MOST_SCHEDULES)
    return {each.schedule.projection: each for each in reversed(upcoming)}


def _row(status: ProjectionStatus, doing: Sequence[Operation], due: Upcoming | None) -> DriftRow:
    last = status.last_check
    glyph, word = drift_words.told(last.verdict) if last else ("unknown", "never checked")
    if status.drift.standing:
        glyph, word = "drift", f"{drift_words.rows(status.drift)} drifted"
    elif last is not None and last.verdict == "drift":
        glyph, word = "ok", "repaired"
    past = current.runtime().checks.page(projection=status.name, limit=PAST, repairs=False)
    return DriftRow(
        status=status,
        last=last,
        glyph=glyph,
        word=word,
        level=drift_words.level(last.level) if last else "",
        strip=check_strip(past),
        operation=next((each for each in doing if each.projection == status.name), None),
        due=due,
        coverage=current.runtime().coverage(status.name),
        ways=drift_words.ways(current.runtime().checks_of(status.name)),
    )


def _recent(check: Check) -> RecentCheck:
    glyph, word = drift_words.told(check.verdict)
    return RecentCheck(check, glyph, word, drift_words.sentence(check), drift_words.level(check.level))
