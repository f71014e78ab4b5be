"""What a check has come to: chunk by chunk, written down as it goes on, and the verdict in the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from cqrs.drift.check import Check, Found, Verdict
from cqrs.drift.checks import Also, Checks
from cqrs.drift.judge import Judge, Judged
from cqrs.readmodels.keys import key_of_text

SAVE_SECONDS = 1.0
#: Differing rows of a chunk that are derived once more, in another way.
TWICE_FOUND = 100
#: Keys named in a reason.
NAMED = 3


class Unsteady(Exception):
    """Rows come out otherwise when they are derived again, so nothing that was found counts."""


class Tally:
    def __init__(
        self, checks: Checks, check: Check, judge: Judge | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.check = check
        #: Whether every row and every key was looked at.
        self.all_seen = False
        self._checks = checks
        self._judge = judge
        #: Keys that differed before.
        self.standing = frozenset(checks.standing(check.projection, check.reference))
        self._monotonic = monotonic
        self._saved = monotonic()
        self._unsaved: list[Found] = []
        self._right: set[str] = set()
        self._other_logic = False
        self._swapped: str | None = None

    def take(self, judged: Judged, *, derive_twice: bool = True) -> None:
        """Raises Unsteady for rows that differ, if those were derived and come out otherwise now."""
        if derive_twice and self._judge is not None:
            self._refuse_unsteady(self._judge, judged)
        check, kinds = self.check, Counter(each.kind for each in judged.found)
        positions = [judged.live.position, *([check.position] if check.position is not None else [])]
        if check.generation_id not in (None, judged.live.id):
            self._swapped = f"Readers were given generation {judged.live.number} meanwhile: check it again."
        self.check = replace(
            check,
            generation=judged.live.number,
            origin=judged.live.origin,
            position=min(positions),
            checked=check.checked + judged.checked,
            missing=check.missing + kinds["missing"],
            extra=check.extra + kinds["extra"],
            changed=check.changed + kinds["changed"],
            known=check.known + judged.known,
            underived=check.underived + len(judged.underived),
            events=check.events + judged.events,
            reason=check.reason or self._swapped or _trouble(judged),
        )
        self._unsaved += judged.found
        self._other_logic = self._other_logic or judged.other_logic
        if self.standing:
            self._right |= self.standing.intersection(judged.keys) - {each.key for each in judged.found}
            self._right -= judged.underived.keys()

    @staticmethod
    def _refuse_unsteady(judge: Judge, judged: Judged) -> None:
        found = [key_of_text(each.key, judge.model) for each in judged.found[:TWICE_FOUND]]
        keys = [key for key in found if key is not None]
        unsteady = judge.differs_from_itself(keys, judged.live.position) if keys else []
        if unsteady:
            raise Unsteady(not_deterministic(unsteady))

    def tell(self, **facts: object) -> None:
        """What else is to be known of the check: `rows`, `method`, `estimate`, `pending`."""
        self.check = replace(self.check, **facts)  # type: ignore[arg-type]

    def found_keys(self) -> list[str]:
        """Those that are saved."""
        return self._checks.keys_of(self.check.id)

    @property
    def settled(self) -> bool:
        """Whether every row that was looked at is right or wrong, beyond doubt."""
        return self._verdict()[0] in (Verdict.NONE, Verdict.DRIFT) and self.check.reason is None

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self._monotonic() - self._saved > SAVE_SECONDS

    def save(self, cursor: str = "", also: Also | None = None) -> None:
        self.check = self._checks.save(replace(self.check, cursor=cursor), self._unsaved, right=self._right, also=also)
        self._unsaved, self._right = [], set()
        self._saved = self._monotonic()

    def restart(self) -> None:
        self.check = self._checks.restart(self.check)

    def finish(self, also: Also | None = None) -> Check:
        """`also` is written with the verdict, if that is beyond doubt."""
        self.save()
        return self._checks.finish(
            self.check, *self._verdict(), all_seen=self.all_seen, also=also if self.settled else None
        )

    def end(self, verdict: Verdict, reason: str) -> Check:
        """Before it came to its end. What was found and not saved is left out."""
        return self._checks.finish(self.check, verdict, reason)

    def _verdict(self) -> tuple[Verdict, str | None]:
        check = self.check
        if check.differing and self._other_logic:
            why = f"Generation {check.generation} was made by other code, so rows are expected to differ. Replay it."
            return Verdict.INCONCLUSIVE, why
        if check.differing:
            return Verdict.DRIFT, check.reason
        if check.pending and check.reason is None:
            why = f"{check.pending:,} keys changed after the position their rows stand at, so nobody can tell yet."
            return Verdict.INCONCLUSIVE, why
        return (Verdict.INCONCLUSIVE if check.reason else Verdict.NONE), check.reason


def _trouble(judged: Judged) -> str | None:
    if judged.unreadable is not None:
        return f"The key of event {judged.unreadable} cannot be read, so nobody knows which row it belongs to."
    for key, error in judged.underived.items():
        return f"The row of key {key} cannot be derived: {error}"
    return None


def not_deterministic(keys: Sequence[str]) -> str:
    named = ", ".join(keys[:NAMED]) + (" …" if len(keys) > NAMED else "")
    return (
        f"Derived twice from the same events, {len(keys):,} rows came out otherwise ({named}). The handlers look at "
        "more than the row and the event, or depend on how events are batched: correct them, then replay."
    )
