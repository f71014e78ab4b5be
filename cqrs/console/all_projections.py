"""What is done to all projections at once: pausing, resuming and replaying them."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, toasts, trail
from cqrs.console.access import needs
from cqrs.console.links import with_query
from cqrs.console.operations import actor
from cqrs.console.redirects import safe_next, see_other
from cqrs.console.replays import reason_given
from cqrs.errors import CqrsError
from cqrs.messages import Role
from cqrs.workers.operation import Operation

bp = Blueprint("all_projections", __name__, url_prefix="/projections")

#: The target in the audit log.
ALL = "all projections"


@bp.post("/pause")
@needs(Role.OPERATOR, action="pause")
def pause() -> Response:
    names = pause_all(reason_given())
    if not names:
        return _back(toasts.Toast("Nothing was paused: every projection is paused already.", state="warn"))
    return _back(toasts.Toast(_said(names, "paused"), link="Resume all", action=url_for("all_projections.resume")))


@bp.post("/resume")
@needs(Role.OPERATOR, action="resume")
def resume() -> Response:
    names, refused = resume_all()
    if refused:
        words = f"{_said(names, 'resumed')} Not resumed: {' '.join(refused.values())}"
        return _back(toasts.Toast(words, state="bad"))
    if not names:
        return _back(toasts.Toast("Nothing was resumed: no projection is paused.", state="warn"))
    return _back(toasts.Toast(_said(names, "resumed"), link="Pause all", action=url_for("all_projections.pause")))


@bp.post("/replay")
@needs(Role.OPERATOR, action="replay")
def replay() -> Response:
    started, refused = replay_all(reason_given())
    words = f"{len(started)} replay{' was' if len(started) == 1 else 's were'} asked for; at most two run at once."
    if refused:
        words += f" Not started: {' '.join(refused.values())}"
    to = see_other(with_query(url_for("operations.index"), {"kind": "replay"}))
    return toasts.leave(to, toasts.Toast(words, state="bad" if refused else "ok"))


def pause_all(reason: str | None) -> list[str]:
    """Those that were not paused yet; returns their names."""
    projections = current.runtime().projections
    names = [status.name for status in projections.statuses() if status.paused_at is None and status.generation]
    for name in names:
        projections.pause(name, actor=actor(), reason=reason)
    trail.note(target=ALL, reason=reason, detail={"projections": sorted(names)})
    return names


def resume_all() -> tuple[list[str], dict[str, str]]:
    """Those that are paused: the names of those that go on, and why the others do not. Failures are not tried again."""
    projections = current.runtime().projections
    resumed: list[str] = []
    refused: dict[str, str] = {}
    for status in projections.statuses():
        if status.paused_at is None or status.failure is not None:
            continue
        try:
            projections.resume(status.name, actor=actor())
            resumed.append(status.name)
        except CqrsError as error:
            refused[status.name] = str(error)
    trail.note(target=ALL, detail={"projections": sorted(resumed), "refused": refused})
    return resumed, refused


def replay_all(reason: str | None) -> tuple[dict[str, Operation], dict[str, str]]:
    """Ask for a replay of each: the operations by name, and why the others were not started."""
    started: dict[str, Operation] = {}
    refused: dict[str, str] = {}
    for name in current.runtime().projections.names():
        try:
            started[name] = current.runtime().start_replay(name, actor=actor(), reason=reason)
        except CqrsError as error:
            refused[name] = str(error)
    trail.note(target=ALL, reason=reason, detail={"started": sorted(started), "refused": refused})
    return started, refused


def _said(names: list[str], done: str) -> str:
    count = len(names)
    return f"{names[0]} is {done}." if count == 1 else f"{count} projections are {done}." if count else ""


def _back(toast: toasts.Toast) -> Response:
    came_from = request.form.get("next")
    return toasts.leave(see_other(safe_next(came_from) if came_from else url_for("projections.index")), toast)
