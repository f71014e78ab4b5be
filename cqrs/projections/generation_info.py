"""The generations of a projection, as an operator looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cqrs.projections.fingerprint import logic_of
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.shape import difference, shape_of

#: How long a generation that was replaced can be gone back to.
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationInfo:
    number: int
    state: GenerationState
    position: int
    created_at: datetime
    advanced_at: datetime | None
    #: Since when readers no longer see it, and when it is dropped for good.
    kept_at: datetime | None
    dropped_at: datetime | None
    #: The operation that made it ready for readers.
    operation: str | None
    parked: int
    #: Made by other code than today's.
    logic_changed: bool
    #: How its columns differ from the code, as the end of a sentence.
    shape_changed: str | None
    #: Rolled back to, and waiting for the code that made it or for a replay.
    stands: bool
    #: Whether a roll back would go to this one.
    next_back: bool


def generation_infos(
    projection: type[Projection], own: list[Generation], parked: dict[tuple[str, int], int]
) -> list[GenerationInfo]:
    """The newest first; what a check makes for itself is none of them."""
    back = previous_of(own)
    ordered = sorted((each for each in own if not each.is_scratch), key=lambda g: -g.number)
    return [_info(projection, each, parked, each is back) for each in ordered]


def previous_of(own: list[Generation]) -> Generation | None:
    """Where a roll back goes: the generation that readers saw last before this one."""
    kept = [each for each in own if each.state is GenerationState.KEPT]
    return max(kept, key=lambda each: (each.kept_at is not None, each.kept_at, each.number), default=None)


def _info(
    projection: type[Projection], each: Generation, parked: dict[tuple[str, int], int], next_back: bool
) -> GenerationInfo:
    kept = each.state is GenerationState.KEPT
    return GenerationInfo(
        number=each.number,
        state=each.state,
        position=each.position,
        created_at=each.created_at,
        advanced_at=each.advanced_at,
        kept_at=each.kept_at,
        dropped_at=each.kept_at + KEPT_FOR if kept and each.kept_at else None,
        operation=each.operation,
        parked=parked.get((projection.name, each.number), 0),
        logic_changed=each.logic != logic_of(projection),
        shape_changed=difference(each.shape, shape_of(projection.model)),
        stands=each.stands,
        next_back=next_back,
    )
