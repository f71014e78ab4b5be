"""How long a replay would take, for a button beside which that stands: asked for on every page, so it must be cheap."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from cqrs.console import current, navigation
from cqrs.errors import CqrsError
from cqrs.workers.replay_speed import replay_speed

#: Where an application keeps the speeds it has guessed, by projection, each with what it was guessed for.
EXTENSION = "projectionist-guessed-speeds"


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` is None when nobody knows; `measured` tells a last replay from a guess."""

    seconds: float | None
    measured: bool = False


def estimate(name: str, generation: int | None) -> Estimate:
    """At the speed of the last replay; else at one guessed by folding a few events, anew when the log has grown."""
    events = navigation.head()
    speed = replay_speed(current.runtime().operations, name)
    measured = speed is not None
    if speed is None:
        speed = _guessed(name, generation) if events else None
    return Estimate(events / speed if speed else None, measured)


def _guessed(name: str, generation: int | None) -> float | None:
    kept: dict[str, tuple[object, float | None]] = current_app.extensions.setdefault(EXTENSION, {})
    asked = (generation, navigation.head().bit_length())
    if kept.get(name, (None, None))[0] != asked:
        try:
            kept[name] = (asked, current.runtime().projections.preflight(name).rate)
        except CqrsError:
            return None
    return kept[name][1]
