"""The check of what may have changed: keys that events have touched since the last one, keys that somebody else wrote,
and keys that differed before."""

from __future__ import annotations

from dataclasses import dataclass

from cqrs.drift.bench import Bench
from cqrs.drift.checks import Also
from cqrs.drift.full_check import check_all
from cqrs.readmodels.keys import key_as_noted, key_of_text, key_text
from cqrs.readmodels.rows import Key

CHUNK_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class _Touched:
    keys: list[Key]
    method: str


def check_touched(bench: Bench) -> Also:
    """Of all rows where nobody can say what has changed, or too much has. Begins again after a crash, unless it had
    turned to all rows."""
    tally, live = bench.tally, bench.judge.live()
    if tally.check.cursor:
        return check_all(bench)
    verified = bench.coverages.verified(bench.name, live.id)
    if verified is None or verified > live.position:
        return check_all(bench, f"All rows: generation {live.number} was never looked at as a whole before.")
    if tally.check.saves:
        tally.restart()
    bench.claim_foreign_writes()
    found = _touched(bench, verified, live.position, live.number)
    if isinstance(found, str):
        return check_all(bench, f"All rows: {found}")
    tally.tell(rows=bench.count_rows(), method=found.method)
    bench.run.phase("touched keys", total=len(found.keys))
    for start in range(0, max(1, len(found.keys)), CHUNK_KEYS):
        judged, _ = bench.judge.keys(found.keys[start : start + CHUNK_KEYS])
        tally.take(judged)
        bench.run.progress(start + CHUNK_KEYS)
    return lambda connection: bench.coverages.verify(connection, bench.name, live.id, live.position)


def _touched(bench: Bench, after: int, until: int, generation: int) -> _Touched | str:
    """The keys; or why nobody can name them."""
    most = bench.sizes.touched_keys
    touched = bench.keys.touched_keys(
        bench.name, after=after, until=until, most=most, most_events=bench.sizes.touched_events
    )
    if touched is None:
        return f"too many keys were touched since position {after:,} to look at them one by one."
    noted = bench.foreign.keys(bench.name, generation, bench.tally.check.id, most + 1)
    if len(noted) > most:
        return "somebody else wrote more rows than can be looked at one by one."
    model = bench.judge.model
    foreign = {None if text is None else key_as_noted(text, model) for text in noted}
    if None in foreign:
        return "somebody else wrote a key that is none, and only a look at all rows finds such a row."
    standing = bench.tally.standing
    known = {key_of_text(text, model) for text in (*touched, *standing)} - {None}
    method = (
        f"{len(touched):,} keys of events since position {after:,}, {len(foreign):,} that somebody else wrote, "
        f"{len(standing):,} that differed before."
    )
    by_text = {key_text(key): key for key in (*known, *foreign)}
    return _Touched([by_text[text] for text in sorted(by_text)], method)
