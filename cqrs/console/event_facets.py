"""What a list of events divides into, each value a link to the list of its own, with counts that know their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flask import request, url_for

from cqrs.console import current, event_search
from cqrs.console.event_search import EventSearch
from cqrs.console.links import with_query
from cqrs.store.facets import FacetCounts, facets_of

#: Values shown of each facet, the most frequent first.
SHOWN = 8
#: Hits looked at where payloads are searched: each is read once more as it may be shown.
MOST_HITS = 200


@dataclass(frozen=True, slots=True)
class Value:
    name: str
    count: int
    #: This list with it, or without it when it is chosen.
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    label: str
    values: Sequence[Value]
    #: Values that are not shown.
    more: int
    #: Whether each number is all there is; otherwise there are at least so many.
    complete: bool


class FacetLinks:
    """To this list with other values."""

    def __init__(self, parameters: frozenset[str]) -> None:
        self._list = url_for("events.index")
        self._kept = {name: values for name, values in request.args.lists() if name in parameters}

    def to(self, name: str, value: str, chosen: bool) -> str:
        kept = {other: values for other, values in self._kept.items() if other != name}
        return with_query(self._list, kept if chosen else {**kept, name: value})


def facets_for(search: EventSearch, parameters: frozenset[str]) -> list[Facet]:
    """Each follows all of the filter but its own condition. `parameters` are what links keep, but for paging."""
    known: dict[EventSearch, FacetCounts] = {}

    def counts(**without: object) -> FacetCounts:
        other = replace(search, where=replace(search.where, **without))  # type: ignore[arg-type]
        if other not in known:
            known[other] = _counted(other)
        return known[other]

    where, links = search.where, FacetLinks(parameters)
    return [
        facet
        for facet in (
            _facet("Types", "type", counts(types=()), "types", where.types, links),
            _facet("Categories", "category", counts(category=None), "categories", (where.category,), links),
            _facet("Actors", "actor", counts(actor=None), "actors", (where.actor,), links),
        )
        if facet.values
    ]


def _counted(search: EventSearch) -> FacetCounts:
    runtime = current.runtime()
    if not search.payload.given:
        return runtime.reports.facets(search.where)
    whole = replace(search, after=None, before=None, limit=MOST_HITS)
    found = event_search.find(runtime.events, whole)
    return facets_of(found.items, complete=found.next is None)


def _facet(
    label: str, name: str, counts: FacetCounts, which: str, chosen: Sequence[str | None], links: FacetLinks
) -> Facet:
    found: Mapping[str, int] = getattr(counts, which)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    values = [
        Value(value, count, links.to(name, value, value in chosen), value in chosen) for value, count in ordered[:SHOWN]
    ]
    return Facet(label, values, len(ordered) - len(values), counts.complete)
