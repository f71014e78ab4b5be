"""Drift: asking for checks and repairs, what checks found, and how a row came about."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import json_answer, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.masking import masked_fields
from cqrs.console.operation_json import accepted
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.replays import known
from cqrs.console.unmasking import unmask_asked
from cqrs.drift.check import MOST_FINDINGS, Check, Finding
from cqrs.drift.coverage import Coverage
from cqrs.drift.explanation import AppliedEvent, Explanation
from cqrs.drift.judge import json_value
from cqrs.messages import Role

bp = Blueprint("api_checks", __name__, url_prefix="/api")

COLUMNS = (
    "id", "operation", "projection", "level", "reference", "verdict", "reason", "generation", "position", "checked",
    "missing", "extra", "changed", "known", "pending", "underived", "stored", "rows", "events", "method", "started_at",
    "finished_at", "duration_seconds",
)  # fmt: skip
COVERAGE = (
    "generation", "oldest_at", "whole_at", "whole_check", "verified_position", "verified_at", "pass_number",
    "pass_started_at", "pass_finished_at", "pass_seen", "pass_rows", "pass_share", "pass_seconds",
)  # fmt: skip
FINDING_COLUMNS = ("key", "kind", "last_event", "first_seen_at", "times_seen", "resolved_by", "resolved_at")
KINDS = ("changed", "missing", "extra")
MOST_KEYS = 10_000


@bp.post("/projections/<name>/checks")
@needs(Role.OPERATOR, action="check")
def check(name: str) -> Response:
    """Of the rows against the log, or against the write model where the projection declares one. `level`: full looks
    at all rows; incremental at what may have changed since; rolling at the next ones in turn; sample at some."""
    given = body.fields()
    level, reference = given.pop("level", "full"), given.pop("reference", "log")
    reason = body.reason_in(given, level=_text_problem(level), reference=_text_problem(reference))
    trail.note(target=known(name), reason=reason)
    return accepted(
        runtime().start_check(name, actor=actor(), level=str(level), reference=str(reference), reason=reason)
    )


@bp.post("/projections/<name>/repairs")
@needs(Role.OPERATOR, action="repair")
def repair(name: str) -> Response:
    """Of the rows of `keys`, or of all that a `check` found; another check of them is part of it. With dry_run nothing
    is written, and the answer is what would be, of the first 200 keys: before and after, by column that differs."""
    asked = Parameters(request.args)
    dry_run = asked.flag("dry_run")
    asked.check()
    given = body.fields()
    keys, found = given.pop("keys", None), given.pop("check", None)
    reason = body.reason_in(given, keys=_keys_problem(keys), check=None if found is None else _text_problem(found))
    trail.note(target=known(name), reason=reason)
    identity = None if found is None else str(found).removeprefix("/api/checks/")
    texts = [str(key) for key in keys] if isinstance(keys, list) else None
    if dry_run:
        planned = runtime().preview_repair(name, keys=texts, check=identity)
        trail.forget()
        return json_answer.send(asdict(planned))
    return accepted(runtime().start_repair(name, actor=actor(), keys=texts, check=identity, reason=reason))


@bp.get("/checks")
@needs(Role.VIEWER)
def index() -> Response:
    """Newest first; projection filters."""
    asked = Parameters(request.args)
    form, limit, cursor, projection = format_of(asked), asked.limit(), asked.text("cursor"), asked.text("projection")
    asked.check()
    found = runtime().checks.page(projection=projection, before=cursor, limit=limit)
    following = found[-1].id if len(found) == limit else None
    return send_list("checks", [check_json(each) for each in found], following, form=form, columns=COLUMNS)


@bp.get("/checks/<key:identity>")
@needs(Role.VIEWER)
def show(identity: str) -> Response:
    """With its findings in the order they were found; what was found beyond the first 1,000 is only counted. And how
    much of the read model checks have looked at up to now. As CSV all that were kept, and nothing but them."""
    asked = Parameters(request.args)
    limit, after, unmasked = asked.limit(), asked.whole("cursor") or 0, unmask_asked(asked)
    form, kind = format_of(asked), asked.text("kind")
    if kind is not None and kind not in KINDS:
        asked.refuse("kind", f"Choose one of: {', '.join(KINDS)}.")
    asked.check()
    found = runtime().checks.get(identity)
    if form == "csv":
        every = runtime().checks.findings(identity, kind=kind, limit=MOST_FINDINGS).items
        rows = [finding_json(each, unmasked) for each in every]
        return send_list("findings", rows, None, form=form, columns=(*FINDING_COLUMNS, "columns"))
    page = runtime().checks.findings(identity, kind=kind, after=after, limit=limit)
    findings = [finding_json(each, unmasked) for each in page.items]
    following = None if page.next is None else str(page.next)
    there = found.projection in runtime().projections.names()
    coverage = coverage_json(runtime().coverage(found.projection)) if there else None
    return json_answer.send({**check_json(found), "coverage": coverage, "findings": findings, "next": following})


@bp.get("/read-models/<name>/rows/<key:key>/explain")
@needs(Role.VIEWER)
def explain(name: str, key: str) -> Response:
    """The row as it is stored and as the log has it, and what each of its events changed."""
    asked = Parameters(request.args)
    unmasked = unmask_asked(asked)
    asked.check()
    return json_answer.send(explanation_json(runtime().explain(known(name), key), unmasked))


def check_json(found: Check) -> dict[str, Any]:
    told = None if found.estimate is None else asdict(found.estimate)
    return {**{name: getattr(found, name) for name in COLUMNS}, "estimate": told}


def coverage_json(found: Coverage) -> dict[str, Any]:
    return {name: getattr(found, name) for name in COVERAGE}


def finding_json(finding: Finding, unmasked: bool) -> dict[str, Any]:
    columns = {
        name: values if unmasked else {side: masked_fields({name: value})[name] for side, value in values.items()}
        for name, values in finding.columns.items()
    }
    return {**{name: getattr(finding, name) for name in FINDING_COLUMNS}, "columns": columns}


def explanation_json(found: Explanation, unmasked: bool) -> dict[str, Any]:
    facts = ("equal", "position", "generation", "differing", "parked", "error", "earlier", "later")
    return {
        "stored": _row(found.stored, unmasked),
        "derived": _row(found.derived, unmasked),
        **{name: getattr(found, name) for name in facts},
        "events": [_event(each, unmasked) for each in found.events],
    }


def _row(values: Any, unmasked: bool) -> Any:
    if values is None:
        return None
    told = {name: json_value(value) for name, value in values.items()}
    return told if unmasked else masked_fields(told)


def _event(applied: AppliedEvent, unmasked: bool) -> dict[str, Any]:
    before = _row({name: each.before for name, each in applied.changes.items()}, unmasked)
    after = _row({name: each.after for name, each in applied.changes.items()}, unmasked)
    changes = {name: {"before": before[name], "after": after[name]} for name in applied.changes}
    return {"position": applied.position, "type": applied.type, "summary": applied.summary, "changes": changes}


def _text_problem(found: object) -> str | None:
    return None if isinstance(found, str) else "This must be text."


def _keys_problem(found: object) -> str | None:
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(key, str) for key in found):
        return "This must be a list of keys, each as text."
    return f"Give at most {MOST_KEYS:,} keys." if len(found) > MOST_KEYS else None
