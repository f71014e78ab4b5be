"""How a list of events divides into types, categories and actors: counted on its newest events, never on all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cqrs.store.listing import Page, Select, listing
from cqrs.store.log import Log
from cqrs.store.records import EventFilter, RecordedEvent, category_of

FACET_COLUMNS = ("type", "category", "actor", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCounts:
    """`complete`: nothing was left out, so that each number is exact; otherwise there are at least so many."""

    types: Mapping[str, int]
    categories: Mapping[str, int]
    actors: Mapping[str, int]
    complete: bool


def facet_select(where: EventFilter, newest: Page, words: Log) -> Select:
    met, values = listing(where, newest, words, "type, stream, actor")
    groups = f"SELECT type, {words.category} AS category, actor, count(*) AS met FROM ({met}) AS newest"
    return f"{groups} GROUP BY 1, 2, 3 ORDER BY met DESC LIMIT :groups", values


def facet_counts(rows: Iterable[Sequence[Any]], *, complete: bool) -> FacetCounts:
    types, categories, actors = Counter[str](), Counter[str](), Counter[str]()
    for type, category, actor, met in rows:
        types[type] += met
        categories[category] += met
        actors[actor] += met
    return FacetCounts(types=types, categories=categories, actors=actors, complete=complete)


def facets_of(events: Iterable[RecordedEvent], *, complete: bool) -> FacetCounts:
    return facet_counts(((e.type, category_of(e.stream), e.actor, 1) for e in events), complete=complete)
