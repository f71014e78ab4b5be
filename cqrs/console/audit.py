"""What operators did, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Blueprint, request, url_for

from cqrs.console import current, navigation
from cqrs.console.access import needs
from cqrs.console.links import tidied, with_query
from cqrs.console.parameters import Parameters
from cqrs.console.rendering import render
from cqrs.messages import Role
from cqrs.operators.audit import AuditEntry

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("audit", __name__)

#: What was done, and what was only tried; an action that is not here is told by its name and target.
SENTENCES = {
    "pause": ("paused {target}", "pause {target}"),
    "resume": ("resumed {target}", "resume {target}"),
    "replay": ("asked for a replay of {target}", "replay {target}"),
    "rollback": ("asked for a roll back of {target}", "roll back {target}"),
    "check": ("asked for a check of {target}", "check {target}"),
    "repair": ("asked for a repair of {target}", "repair {target}"),
    "repair-rows": ("repaired rows of {target}", "repair rows of {target}"),
    "cancel": ("cancelled the {target}", "cancel the {target}"),
    "approve": ("let the {target} go on", "let the {target} go on"),
    "change-schedule": ("changed when this runs: {target}", "change when this runs: {target}"),
    "pause-schedule": ("paused the schedule {target}", "pause the schedule {target}"),
    "resume-schedule": ("resumed the schedule {target}", "resume the schedule {target}"),
    "run-schedule": ("ran the schedule {target} now", "run the schedule {target} now"),
    "end-append": ("ended an append by force: {target}", "end an append by force: {target}"),
    "retry": ("tried again: {target}", "try again: {target}"),
    "park": ("parked {target}", "park {target}"),
    "skip": ("skipped an event for {target}", "skip an event for {target}"),
    "command": ("sent {target}", "send {target}"),
    "sign-in": ("signed in", "sign in"),
    "sign-out": ("signed out", "sign out"),
    "request": ("called {target}", "call {target}"),
    "unmask": ("unmasked {target}", "unmask {target}"),
}
#: Actions whose target has a page of its own.
PAGES = {
    "pause": "projections.show",
    "resume": "projections.show",
    "replay": "projections.show",
    "rollback": "projections.show",
    "command": "commands.show",
    "check": "projections.show",
    "repair": "projections.show",
    "repair-rows": "projections.show",
    "change-schedule": "schedules.show",
    "pause-schedule": "schedules.show",
    "resume-schedule": "schedules.show",
    "run-schedule": "schedules.show",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """One row of the trail. `sentence` follows the actor's name; `href` leads to what it was done to."""

    id: int
    at: datetime
    actor: str
    role: str
    address: str
    sentence: str
    reason: str | None
    outcome: str
    done: bool
    href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditList:
    entries: Sequence[Deed]
    filters: Mapping[str, str]
    actions: Sequence[str]
    sentence: str
    newest: str | None
    older: str | None


@bp.get("/audit")
@needs(Role.VIEWER)
def index() -> AnyResponse:
    tidy = tidied()
    if tidy is not None:
        return tidy
    asked = Parameters(request.args)
    given = {name: asked.text(name) for name in ("actor", "action", "target")}
    before = asked.whole("before", lowest=1)
    asked.check()
    filters = {name: value for name, value in given.items() if value}
    found = current.runtime().audit.page(
        before=before, actor=given["actor"], action=given["action"], target=given["target"]
    )
    page = AuditList(
        entries=deeds(found.items),
        filters=filters,
        actions=sorted(SENTENCES),
        sentence=_sentence(filters),
        newest=with_query(url_for("audit.index"), filters) if before else None,
        older=with_query(url_for("audit.index"), {**filters, "before": found.next}) if found.next else None,
    )
    return render("audit/index.html", tag=f"{navigation.tag()}{_newest(found.items)}", follow=before is None, page=page)


def deeds(entries: Iterable[AuditEntry]) -> list[Deed]:
    found = list(entries)
    asked = any(PAGES.get(entry.action) == "schedules.show" for entry in found)
    schedules = current.runtime().schedules.ids() if asked else frozenset[str]()
    return [_deed(entry, schedules) for entry in found]


def _deed(entry: AuditEntry, schedules: frozenset[str]) -> Deed:
    done = entry.outcome == "done"
    return Deed(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        role=entry.role,
        address=entry.address,
        sentence=_told(entry, done),
        reason=entry.reason,
        outcome=entry.outcome,
        done=done,
        href=_href(entry, schedules),
    )


def _told(entry: AuditEntry, done: bool) -> str:
    did, try_to = SENTENCES.get(entry.action, (f"{entry.action} {{target}}",) * 2)
    return (did if done else f"tried to {try_to}").replace("{target}", entry.target)


def _href(entry: AuditEntry, schedules: frozenset[str]) -> str | None:
    """Only to what still exists: a name in the trail may be gone, or never have been."""
    if entry.action not in PAGES:
        return None
    if PAGES[entry.action] == "schedules.show":
        return url_for("schedules.show", identity=entry.target) if entry.target in schedules else None
    runtime = current.runtime()
    known = runtime.catalogue.commands if entry.action == "command" else runtime.projections.names()
    return url_for(PAGES[entry.action], name=entry.target) if entry.target in known else None


def _newest(entries: Sequence[AuditEntry]) -> int:
    return entries[0].id if entries else 0


def _sentence(filters: Mapping[str, str]) -> str:
    if not filters:
        return "Everything, newest first."
    words = {"actor": "by {}", "action": "of action {}", "target": "on {}"}
    return f"Entries {' '.join(words[name].format(value) for name, value in filters.items())}, newest first."
