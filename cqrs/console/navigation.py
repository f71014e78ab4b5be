"""What frames every page: sections with what they ask for, the head of the log, and when that was read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from flask import g, request

from cqrs.console import current, drift_words, operation_words, toasts
from cqrs.console.fixed_addresses import address_of
from cqrs.console.verdicts import worst
from cqrs.errors import CqrsError
from cqrs.projections.status import ProjectionStatus
from cqrs.workers.operation import Operation

#: (label, blueprint): what I run and read, what happened, what I did.
SECTIONS = (
    (("Overview", "overview"), ("Projections", "projections"), ("Read models", "read_models"), ("Drift", "drift")),
    (("Events", "events"), ("Event types", "event_types"), ("Streams", "streams"), ("Commands", "commands")),
    (("Operations", "operations"), ("Schedules", "schedules"), ("Audit log", "audit"), ("System", "system")),
)
#: Pages that belong to the section of another.
HOMES = {"replays": "projections", "failures": "projections", "parked": "projections"}
#: After `g`, the letter that leads to a section.
KEYS = {
    "overview": "o", "projections": "p", "read_models": "r", "drift": "d", "events": "e", "streams": "s",
    "event_types": "t", "commands": "c", "operations": "n", "schedules": "h", "audit": "a", "system": "y",
}  # fmt: skip
#: Seconds after which a poll draws the page again though no position moved: charts, heartbeats and ages go on.
SLOT = 15


@dataclass(frozen=True, slots=True)
class Section:
    label: str
    href: str
    current: bool
    #: Only where something asks for attention.
    note: str | None = None
    state: str | None = None
    key: str | None = None


class Shell:
    """Read when a page asks for it, once per request; what cannot be read is None, because an error page has it too."""

    @cached_property
    def read_at(self) -> datetime:
        return current.runtime().clock()

    @cached_property
    def head(self) -> int | None:
        try:
            return head()
        except CqrsError:
            return None

    @cached_property
    def title(self) -> str:
        domains = current.runtime().catalogue.domains
        return (domains[0].title or domains[0].name) if len(domains) == 1 else "All domains"

    @cached_property
    def navigation(self) -> Sequence[Sequence[Section]]:
        here = HOMES.get(request.blueprint or "", request.blueprint)
        groups = [[_section(label, blueprint, here) for label, blueprint in group] for group in SECTIONS]
        own = _own_sections()
        return [*groups, own] if own else groups


def sections() -> list[Section]:
    """All of them, without what they ask for."""
    ours = [(label, blueprint) for group in SECTIONS for label, blueprint in group]
    return [Section(label, address_of(f"{blueprint}.index"), False) for label, blueprint in ours] + _own_sections()


def _own_sections() -> list[Section]:
    links = [link for domain in current.runtime().catalogue.domains for link in domain.nav]
    return [Section(link.label, address_of(link.endpoint), request.endpoint == link.endpoint) for link in links]


def head() -> int:
    """The safe head of the log, the same one all through a request; that of the states, where these were read before.

    Raises DatabaseUnavailable.
    """
    if "head" not in g:
        known = g.get("statuses") or g.get("states")
        g.head = known[0].head if known else current.runtime().events.safe_head()
    return int(g.head)


def statuses() -> Sequence[ProjectionStatus]:
    """Of all projections, worst first, the same all through a request. Raises DatabaseUnavailable."""
    if "statuses" not in g:
        g.statuses = current.runtime().projections.statuses()
    found: Sequence[ProjectionStatus] = g.statuses
    return found


def states() -> Sequence[ProjectionStatus]:
    """The same without rates and ages, for whoever asks only how things stand. Raises DatabaseUnavailable."""
    if "statuses" in g:
        return statuses()
    if "states" not in g:
        g.states = current.runtime().projections.statuses(measured=False)
    found: Sequence[ProjectionStatus] = g.states
    return found


def operations() -> Sequence[Operation]:
    """Those that are not finished, newest first, the same all through a request. Raises DatabaseUnavailable."""
    if "operations" not in g:
        g.operations = current.runtime().operations.active()
    found: Sequence[Operation] = g.operations
    return found


def operation_on(projection: str) -> Operation | None:
    """What is done to it now; what is in the way of others before what is not, such as a check."""
    mine = [each for each in operations() if each.projection == projection]
    return min(mine, key=lambda each: not each.in_the_way, default=None)


def tag() -> str:
    """Names what a page that follows shows; while it stays the same, a poll needs no answer."""
    now = current.runtime().clock()
    seen = [(s.name, s.state, s.checkpoint, s.generation, s.parked, s.paused_at, s.drift) for s in states()]
    going_on = [(each.id, each.state, each.phase, each.done) for each in operations()]
    return short_hash((head(), seen, going_on, int(now.timestamp()) // SLOT))


def short_hash(seen: object) -> str:
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def what_pages_know() -> dict[str, Any]:
    """For the frame around every page; reads nothing before the template asks."""
    return {"shell": Shell(), "toasts": toasts.take()}


def _section(label: str, blueprint: str, here: str | None) -> Section:
    note, state = _attention(blueprint)
    return Section(label, address_of(f"{blueprint}.index"), here == blueprint, note, state, KEYS.get(blueprint))


def _attention(blueprint: str) -> tuple[str | None, str | None]:
    try:
        if blueprint == "operations":
            return operation_words.count_words(operations()) or (None, None)
        if blueprint == "schedules":
            failing = current.runtime().schedules.failing()
            return (f"{failing} failed", "failed") if failing else (None, None)
        ask = {"projections": worst, "drift": drift_words.attention}.get(blueprint)
        found = ask(states()) if ask else None
    except CqrsError:
        return None, None
    return (found[1], found[0]) if found else (None, None)
