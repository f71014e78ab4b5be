"""What the page of one check shows: what it came to, the checks before it, the rows that differ, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import request, url_for

from cqrs.console import current, drift_words, navigation, operation_words
from cqrs.console.check_strip import PLACES, CheckStrip, check_strip
from cqrs.console.column_values import key_heading, kinds_of
from cqrs.console.estimates import Estimate, estimate
from cqrs.console.finding_rows import FindingRow, finding_rows
from cqrs.console.links import with_query
from cqrs.console.parameters import MOST_ITEMS, USUAL_ITEMS, Parameters
from cqrs.drift.check import LOG, Check
from cqrs.drift.repair_plan import MOST_REPAIRED
from cqrs.errors import NotFound
from cqrs.projections.generation_info import GenerationInfo
from cqrs.projections.status import ProjectionStatus
from cqrs.readmodels.generation import GenerationState
from cqrs.workers.operation import Operation

KINDS = ("changed", "missing", "extra")


@dataclass(frozen=True, slots=True)
class KindLink:
    label: str
    count: int
    href: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPage:
    check: Check
    sentence: str
    lede: str
    level: str
    reference: str
    share: str
    #: How much of all rows was looked at; None where that is all, or not known.
    part: str | None
    strip: CheckStrip
    kinds: Sequence[KindLink]
    #: Those of one kind only; None: all.
    kind: str | None
    key_heading: str
    findings: Sequence[FindingRow]
    #: Rows that differ, were kept, and are not put right yet.
    standing: int
    #: Why a replay is wiser than a repair; None where it is not.
    advice: str | None
    replay: Estimate
    first: str | None
    more: str | None
    #: None when the projection is not declared any more.
    status: ProjectionStatus | None
    #: What carries it out; None when it was tidied away.
    operation: Operation | None
    percent: int | None
    progress: str
    ways_out: str
    #: Readers see another generation than the one that was checked.
    outdated: bool
    can_repair: bool
    #: The same way again, where it is still offered; the findings as programs get them.
    again: Mapping[str, str]
    csv: str
    json: str


def check_page(check: Check) -> CheckPage:
    """Raises InvalidMessage for parameters that make no sense."""
    asked = Parameters(request.args)
    kind = asked.choice("kind", (*KINDS, "all"), "all")
    after = asked.whole("after")
    asked.check()
    chosen = None if kind == "all" else kind
    found = current.runtime().checks.findings(check.id, kind=chosen, after=after or 0, limit=USUAL_ITEMS)
    here = url_for("drift.check", identity=check.id)
    status = next((each for each in navigation.statuses() if each.name == check.projection), None)
    live = _live(check.projection) if status else None
    operation = _operation(check)
    standing = len(current.runtime().checks.keys_of(check.id))
    shown = current.runtime().projections.live_id(check.projection) if status else None
    outdated = shown is not None and check.generation_id not in (None, shown)
    return CheckPage(
        check=check,
        sentence=drift_words.sentence(check),
        lede=_lede(check, status, standing),
        level=drift_words.level(check.level),
        reference=drift_words.reference(check.reference),
        share=drift_words.share(check.differing, check.checked),
        part=drift_words.share(check.checked, check.rows) if check.rows and check.level != "full" else None,
        strip=_strip(check),
        kinds=_kinds(check, here, chosen),
        kind=chosen,
        key_heading=key_heading(kinds_of(check.projection)),
        findings=finding_rows(check.projection, found.items),
        standing=standing,
        advice=_advice(check, live),
        replay=estimate(check.projection, status.generation) if status else Estimate(None),
        first=_address(here, chosen) if after else None,
        more=_address(here, chosen, found.next) if found.next else None,
        status=status,
        operation=operation,
        percent=operation_words.percent(operation) if operation else None,
        progress=operation_words.progress_words(operation) if operation else "",
        ways_out=drift_words.ways_out(check, logic_changed=bool(live and live.logic_changed)),
        outdated=outdated,
        again=_again(check) if status else {},
        csv=with_query(url_for("api_checks.show", identity=check.id), {"kind": chosen, "format": "csv"}),
        json=with_query(url_for("api_checks.show", identity=check.id), {"kind": chosen, "limit": MOST_ITEMS}),
        can_repair=bool(standing)
        and check.verdict == "drift"
        and not outdated
        and check.reference == LOG
        and bool(status and status.keyed),
    )


def _strip(check: Check) -> CheckStrip:
    found = current.runtime().checks.page(projection=check.projection, limit=PLACES, repairs=False)
    return check_strip(found, check.id)


def _again(check: Check) -> dict[str, str]:
    """What a repair looked at cannot be asked for as such: then all rows."""
    offered = current.runtime().checks_of(check.projection)
    mine = [each for each in offered if each == (check.level, check.reference)]
    return drift_words.ways(mine or offered[:1])


def _live(name: str) -> GenerationInfo | None:
    generations = current.runtime().projections.generations(name)
    return next((each for each in generations if each.state is GenerationState.LIVE), None)


def _operation(check: Check) -> Operation | None:
    try:
        return current.runtime().operations.get(check.operation)
    except NotFound:
        return None


def _kinds(check: Check, here: str, chosen: str | None) -> list[KindLink]:
    """Those there are; with one alone there is nothing to choose."""
    counts = {kind: getattr(check, kind) for kind in KINDS if getattr(check, kind)}
    if len(counts) < 2 and chosen is None:
        return []
    links = [KindLink(kind.capitalize(), n, _address(here, kind), kind == chosen) for kind, n in counts.items()]
    return [KindLink("All", check.differing, _address(here, None), chosen is None), *links]


def _address(here: str, kind: str | None, after: int | None = None) -> str:
    return with_query(here, {"kind": kind, "after": after}) + "#rows"


def _lede(check: Check, status: ProjectionStatus | None, standing: int) -> str:
    said = [drift_words.kinds(check)]
    if check.verdict == "drift" and not standing:
        said.append("All of them are put right.")
    elif check.verdict == "drift" and standing < check.stored:
        said.append(f"{drift_words.of_rows(standing)} still to be put right.")
    elif check.verdict == "drift" and status is not None and status.state == "running":
        said.append("The projection is running and caught up; only these rows stay wrong, until you repair them.")
    if check.known:
        rows = "1 parked key is" if check.known == 1 else f"{check.known:,} parked keys are"
        said.append(f"{rows} left out: nobody expects their rows to be right.")
    if check.pending:
        rows = "1 row has" if check.pending == 1 else f"{check.pending:,} rows have"
        said.append(f"{rows} later events and will be looked at again.")
    if check.verdict in ("none", "drift") and check.reason:
        said.append(check.reason)
    return " ".join(sentence for sentence in said if sentence)


def _advice(check: Check, live: GenerationInfo | None) -> str | None:
    if not check.differing:
        return None
    if live is not None and live.logic_changed:
        return f"The code changed since generation {live.number} was made, so a replay is the better way."
    looked_at = check.checked if check.level == "sample" else max(check.checked, check.rows or 0)
    if check.differing > looked_at * MOST_REPAIRED:
        part = drift_words.share(check.differing, looked_at)
        return f"{part} of the rows differ: a replay, which makes all rows anew, is the better way."
    return None
