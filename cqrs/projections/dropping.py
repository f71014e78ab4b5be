"""Removing generations that nobody needs any more: kept long enough, or left behind by what was never finished."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import timedelta

from cqrs.errors import DatabaseBusy
from cqrs.projections.generation_info import KEPT_FOR
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.store import ReadModelStore

logger = logging.getLogger(__name__)


def drop_old(
    store: ReadModelStore,
    projections: Collection[type[Projection]],
    *,
    active: Callable[[], Collection[str]],
    kept_for: timedelta = KEPT_FOR,
) -> list[tuple[str, int]]:
    """Returns what was dropped: name and number. `active` gives the ids of operations that are not finished;
    whatever they make stays. May be repeated; what is in use is left for the next time."""
    models = {each.name: each.model for each in projections}
    now, generations = store.generations()
    at_work = active()  # asked afterwards: an operation is there before what it makes
    dropped = []
    for each in generations:
        if each.projection not in models or (each.made_for in at_work and each.state is GenerationState.BUILDING):
            continue
        old = each.state is GenerationState.KEPT and each.kept_at is not None and now - each.kept_at >= kept_for
        if (old or _left_behind(store, each)) and _drop(store, models[each.projection], each):
            dropped.append((each.projection, each.number))
    return dropped


def _left_behind(store: ReadModelStore, each: Generation) -> bool:
    """Begun by an operation that is over. One that had been kept for a roll back is kept again."""
    if each.state is not GenerationState.BUILDING or each.operation is None:
        return False
    return not store.put_back(each.projection, each.number)


def _drop(store: ReadModelStore, model: RowModel, each: Generation) -> bool:
    try:
        return store.drop(model, each.number)
    except DatabaseBusy as error:
        logger.info("Generation %s of %s is dropped later: %s", each.number, each.projection, error)
        return False
