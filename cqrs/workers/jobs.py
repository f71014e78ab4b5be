"""What schedules do: plain functions of the runtime. Each may run twice without harm, and says in words what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from cqrs.errors import OperationInTheWay
from cqrs.runtime import Runtime
from cqrs.store.tables import idempotency
from cqrs.workers.retention import delete_older, forget_fixed_runs, forget_old

IDEMPOTENCY_LIFE = timedelta(days=30)


def sample(runtime: Runtime) -> str:
    statuses = runtime.projections.statuses()
    runtime.samples.record(statuses, runtime.events.safe_head())
    return f"{len(statuses)} measured"


def roll_up(runtime: Runtime) -> str:
    runtime.samples.roll_up()
    return "rolled up"


def prune(runtime: Runtime) -> str:
    """Forget what is over: sessions, links, failures, silent workers, old runs, keys of requests, unused ways of keying
    events."""
    removed = (
        runtime.sessions.prune()
        + runtime.people.prune()
        + runtime.throttle.prune()
        + runtime.workers.prune()
        + forget_fixed_runs(runtime.main)
        + delete_older(runtime.main, idempotency, idempotency.c.created_at, IDEMPOTENCY_LIFE)
        + runtime.keys.forget_unused()
    )
    return f"{removed:,} removed"


def forget(runtime: Runtime) -> str:
    return forget_old(runtime.main)


def drop_generations(runtime: Runtime) -> str:
    """Remove generations that were kept for a day, and what operations left behind that are over."""
    dropped = runtime.projections.drop_old(lambda: [each.id for each in runtime.operations.active()])
    return ", ".join(f"generation {number} of {name}" for name, number in dropped) or "nothing to drop"


def replay_outgrown(runtime: Runtime) -> str:
    """Replay projections whose columns changed: their rows stand still until then. One that failed or was cancelled
    is not begun again by itself for the same columns."""
    started = []
    for name, differs in runtime.projections.outgrown().items():
        tried = runtime.operations.page(kind="replay", projection=name, limit=1)
        if not any(each.parameters.get("outgrown") == differs for each in tried):
            with suppress(OperationInTheWay):
                runtime.start_replay(name, actor="system", reason=f"Its columns changed: {differs}.", outgrown=differs)
                started.append(name)
    return f"asked for a replay of {', '.join(started)}" if started else "nothing outgrew its columns"


#: By the kind of their schedules.
JOBS: Mapping[str, Callable[[Runtime], str | None]] = {
    "sample": sample,
    "roll-up": roll_up,
    "prune": prune,
    "forget": forget,
    "drop-generations": drop_generations,
    "replay-outgrown": replay_outgrown,
}
