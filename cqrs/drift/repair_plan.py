"""What a repair would do: which rows are to be written, which are left alone, and when something else is wiser."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cqrs.drift.derivation import Derivation
from cqrs.drift.judge import Judge, json_value
from cqrs.errors import RepairRefused
from cqrs.masking import masked_fields
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.row_repairs import Rewrite
from cqrs.readmodels.rows import Key
from cqrs.readmodels.snapshots import Snapshot

#: From this share of the rows on, a replay is wiser.
MOST_REPAIRED = 0.10
#: Derived twice before anything is written.
TWICE_KEYS = 1_000

#: What is done to a row, as an audit row tells it: key, before, after.
Deed = dict[str, Any]


def refuse_unsteady(judge: Judge, keys: Sequence[Key]) -> None:
    """Raises RepairRefused when some of the rows come out otherwise each time."""
    live = judge.snapshots.live(judge.model)
    if judge.differs_from_itself(keys[:TWICE_KEYS], live.position):
        reason = "derived twice, its rows come out otherwise. Correct the handlers, then replay it."
        raise RepairRefused(projection=judge.model.name, why=reason)


def advice_on(judge: Judge, keys: int) -> str | None:
    """A sentence when a replay is wiser than repairing so many keys."""
    enough = math.ceil(keys / MOST_REPAIRED)
    rows = judge.snapshots.count(judge.model, enough)
    if rows >= enough:
        return None
    some = "1 key" if keys == 1 else f"{keys:,} keys"
    rest = f"{'was' if keys == 1 else 'were'} to be repaired: a replay, which makes all rows anew, is the better way."
    return f"{some} of {'1 row' if rows == 1 else f'{rows:,} rows'} {rest}"


def plan(judge: Judge, derivation: Derivation, held: Snapshot) -> tuple[Rewrite, list[Deed]]:
    """Only rows that differ, of keys that can be derived and are not parked: those are released, not repaired."""
    packed, stored = derivation.packed(), {row.key: row for row in held.rows}
    keys, rows, deeds = [], [], list[Deed]()
    for key, row in derivation.rows.items():
        there = stored.get(key)
        if key in derivation.failed or key_text(key) in held.parked or (there is None and row is None):
            continue
        before = None if there is None else judge.comparison.stored(there.packed)
        after = None if row is None else judge.comparison.derived(row)
        if there is not None and row is not None:
            differs = judge.comparison.differences(there.packed, row, packed[key])
            if not differs:
                continue
            before = {name: each.stored for name, each in differs.items()}
            after = {name: each.expected for name, each in differs.items()}
        keys.append(key)
        rows += [] if row is None else [packed[key]]
        deeds.append({"key": key_text(key), "before": _told(before), "after": _told(after)})
    return Rewrite(keys, rows), deeds


def _told(values: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if values is None else masked_fields({name: json_value(value) for name, value in values.items()})
