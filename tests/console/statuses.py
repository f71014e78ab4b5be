"""Projections in any condition, for tests of what is said about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cqrs.projections.status import Failure, ProjectionStatus, State

MOMENT = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
HEAD = 5_000


def status(name: str = "orders", state: str = "running", **facts: Any) -> ProjectionStatus:
    """A projection that is caught up with `HEAD`, but for the facts given."""
    usual: dict[str, Any] = {
        "title": name,
        "checkpoint": HEAD,
        "head": HEAD,
        "lag_events": 0,
        "lag_seconds": 0.0,
        "seconds_since_advance": 1.0,
        "rate": 2.5,
        "parked": 0,
        "generation": 1,
        "owner": "host:1",
        "heartbeat_seconds": 0.5,
        "handles": ("OrderPlaced",),
    }
    return ProjectionStatus(name=name, state=State(state), **{**usual, **facts})


def failed(name: str = "orders", **facts: Any) -> ProjectionStatus:
    failure = Failure(
        position=HEAD - 10,
        event_type="OrderPlaced",
        key="42",
        error="ValueError: <b>1.129,50</b> is no number",
        traceback="Traceback (most recent call last):\n  ...",
        at=MOMENT,
    )
    behind = {"checkpoint": HEAD - 11, "lag_events": 11, "lag_seconds": 42.0, "failure": failure}
    return status(name, "failed", **{**behind, **facts})
