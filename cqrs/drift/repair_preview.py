"""A look at what a repair would write now; nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cqrs.drift.judge import Judge
from cqrs.drift.repair_plan import advice_on, plan, refuse_unsteady
from cqrs.errors import PreviewTooLong
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.store import ReadModelStore

#: Events that are read for a look at what a repair would write; a repair reads them all.
MOST_PREVIEWED = 50_000


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """Values are masked, and JSON; None stands for no row. Of a row that stays only what differs is told."""

    key: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a repair would write now; nothing was."""

    position: int
    events: int
    rows: Sequence[PlannedRow]
    #: Keys that are right already, parked, or cannot be derived: their rows would be left alone.
    right: int
    parked: int
    underived: int
    #: Texts that can be the key of no row.
    no_keys: int
    advice: str | None


def preview(
    judge: Judge, store: ReadModelStore, texts: Sequence[str], *, no_keys: int = 0, most: int = MOST_PREVIEWED
) -> Preview:
    """The same derivation and the same decision as a repair, without the write; `no_keys` are others of which is known
    that they are none. Raises RepairRefused; PreviewTooLong where the keys have more than `most` events."""
    keys = [key for key in (key_of_text(text, judge.model) for text in dict.fromkeys(texts)) if key is not None]
    if judge.deriver.have_more_than(most, keys, judge.live().position):
        raise PreviewTooLong(name=judge.model.name, keys=f"{len(keys):,}", most=f"{most:,}")
    refuse_unsteady(judge, keys)
    snapshot = judge.snapshots.of_keys(judge.model, keys)
    derivation = judge.deriver.derivation(keys, store.skips(judge.model.name))
    derivation.advance(snapshot.live.position)
    _, deeds = plan(judge, derivation, snapshot)
    parked = sum(key_text(key) in snapshot.parked for key in keys)
    underived = sum(key_text(key) not in snapshot.parked for key in derivation.failed)
    return Preview(
        position=snapshot.live.position,
        events=derivation.events,
        rows=[PlannedRow(**deed) for deed in deeds],
        right=len(keys) - len(deeds) - parked - underived,
        parked=parked,
        underived=underived,
        no_keys=no_keys + len(dict.fromkeys(texts)) - len(keys),
        advice=advice_on(judge, len(texts)),
    )
