"""When so many keys fail that setting them aside one by one would only hide that the handler itself is wrong."""

from __future__ import annotations

from cqrs.projections.careful_fold import CarefulFold
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.store import GenerationRows, ReadModelStore

MOST_PARKED = 100
#: Of all keys, parked within the time below. Fewer than FEWEST say nothing: one key of ten is 10 %.
MOST_RECENT_SHARE = 1 / 20
FEWEST = 10
RECENT_SECONDS = 600.0


def looks_broken(store: ReadModelStore, rows: GenerationRows, held: Generation, fold: CarefulFold) -> bool:
    if len(fold.parked) > MOST_PARKED:
        return True
    recent = store.parked_since(held.projection, held.number, RECENT_SECONDS) + len(fold.newly_parked)
    if recent < FEWEST:
        return False
    enough = int(recent / MOST_RECENT_SHARE)
    return rows.count(enough) + len(fold.parked) < enough
