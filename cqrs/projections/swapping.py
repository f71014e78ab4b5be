"""The last steps of a replay or roll back: the live generation is held, the other one brought level, readers moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from cqrs.errors import DatabaseBusy, Fenced, ReadModelMissing
from cqrs.projections.building import Builder, Workshop, owner_of
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import Generation, GenerationState, Standing

#: How long the live projection stands still at most for the last batch; whoever is not ready by then tries again.
HOLD_SECONDS = 5.0
#: Catching up ends when no more events than this are left: what a live projection always applies in one batch.
NEAR = 1_000
#: A live projection that is faster than this many rounds of catching up is held with more left.
MOST_ROUNDS = 20
FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 1.0
#: A transaction that is open for longer than this is a backup or forgotten, and no reader who is about to look.
LONGEST_READ_SECONDS = 60.0
#: After so many attempts the log says why it takes so long.
ATTEMPTS_TO_TELL = 20


class Swapping:
    """For one operation. All of it may be repeated after a crash."""

    def __init__(self, shop: Workshop, projection: type[Projection], builder: Builder, run: Progress) -> None:
        self._shop = shop
        self._projection = projection
        self._builder = builder
        self._run = run

    def own(self) -> tuple[datetime, list[Generation]]:
        now, generations = self._shop.store.generations()
        return now, [each for each in generations if each.projection == self._projection.name]

    def live(self) -> Generation:
        return live_of(self._projection.name, self.own()[1])

    def is_moving(self) -> bool:
        """Whether a worker moves the live generation: not when it is paused, failed, or nobody has it."""
        now, own = self.own()
        live = live_of(self._projection.name, own)
        return live.lease_until is not None and live.lease_until > now and not live.halted

    def catch_up(self) -> None:
        """Until no more than one batch is left."""
        for _ in range(MOST_ROUNDS):
            position = self.live().position
            if self._builder.held.position >= position - NEAR:
                return
            self._builder.advance(position)

    def let_readers_finish(self) -> None:
        """Wait for those who would find the new generation by its view without seeing all of its rows. What is left
        to be applied after this is applied in whole batches."""
        ready = self.own()[0]
        deadline, told = self._shop.monotonic() + LONGEST_READ_SECONDS, False
        while count := self._shop.store.readers_from_before(ready):
            if self._shop.monotonic() > deadline:
                self._run.log(f"{count} transactions from before are still open; the swap waits for them no longer.")
                return
            if not told:
                told = True
                self._run.log(f"Waits for {count} transactions that began before the new rows were ready.")
            self._run.progress(self._builder.held.position)
            self._shop.sleep(FIRST_RETRY_SECONDS)

    def swap(
        self,
        *,
        outcome: Callable[[Generation], str],
        before: Callable[[Generation], None] = lambda live: None,
        standing: Standing | None = None,
        advance: bool = True,
    ) -> None:
        """Make readers see the new generation. `before` is called with the live one while that is held and both stand
        level; `outcome` then describes the swap. A reader in the way costs time, and nobody else waits long."""
        retry, attempts = FIRST_RETRY_SECONDS, 0
        while True:
            try:
                with self._held_live() as live:
                    if advance:
                        self._builder.advance(live.position)
                    before(live)
                    candidate = self._builder.held
                    self._shop.store.swap(
                        self._projection.model, live, candidate, outcome=outcome(live), standing=standing
                    )
                    return
            except Fenced:
                reason = "the live generation changed hands"
            except DatabaseBusy:
                reason = "a reader, or another writer, keeps its transaction open"
            attempts += 1
            if attempts % ATTEMPTS_TO_TELL == 0:
                self._run.log(f"The swap was tried {attempts} times: {reason}. Readers see the old rows meanwhile.")
            self._run.progress(self._builder.held.position)
            self._shop.sleep(retry)
            retry = min(retry * 2, LONGEST_RETRY_SECONDS)

    def level(self, look: Callable[[Generation], None]) -> None:
        """Hold the live generation, come level with it, look, and let it go on."""
        with self._held_live() as live:
            self._builder.advance(live.position)
            look(live)

    @contextmanager
    def _held_live(self) -> Iterator[Generation]:
        """Whoever moves it is fenced, and comes back when this is over."""
        held = self._shop.store.hold(self.live(), owner=owner_of(self._run), seconds=HOLD_SECONDS)
        try:
            yield held
        finally:
            self._shop.store.release(held)


def live_of(name: str, own: list[Generation]) -> Generation:
    for each in own:
        if each.state is GenerationState.LIVE:
            return each
    raise ReadModelMissing(name=name)


def made_by(run: Progress, own: list[Generation]) -> Generation | None:
    """The generation this operation is making, or has made."""
    return next((each for each in own if each.operation == run.operation.id), None)


def let_go(shop: Workshop, run: Progress, own: list[Generation]) -> None:
    """Give back the live generation if this operation holds it."""
    for each in own:
        if each.state is GenerationState.LIVE and each.owner == owner_of(run):
            shop.store.release(each)


def outcome_of(shown: Generation) -> dict[str, Any]:
    """What was written down when readers were given this generation."""
    return msgspec.json.decode(shown.outcome or "{}", type=dict[str, Any])
