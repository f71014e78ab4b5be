"""Parameters of an address, read one kind at a time; all that is wrong with them is said at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec import inspect
from werkzeug.datastructures import MultiDict

from cqrs.errors import InvalidMessage
from cqrs.values import Refused, check_text, instant_of

LARGEST = 2**63 - 1
MOST_ITEMS = 200
USUAL_ITEMS = 50
#: Of one parameter given several times.
MOST_CHOICES = 100
LONGEST_TEXT = 1_000
#: Room on both sides for whoever calculates with a time.
YEARS = range(1900, 3000)


class Parameters:
    """An empty parameter counts as absent: forms send all their fields. `check` raises what the others collected."""

    def __init__(self, given: MultiDict[str, str]) -> None:
        self._given = given
        self.errors: dict[str, list[str]] = {}

    def refuse(self, name: str, sentence: str) -> None:
        self.errors.setdefault(name, []).append(sentence)

    def check(self) -> None:
        if self.errors:
            raise InvalidMessage(self.errors)

    def text(self, name: str) -> str | None:
        found = self.texts(name)
        if len(found) > 1:
            self.refuse(name, "Give this only once.")
        return found[0] if found else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Of a parameter that may be given several times."""
        found = tuple(value for value in self._given.getlist(name) if value)
        if len(found) > MOST_CHOICES:
            self.refuse(name, f"Give at most {MOST_CHOICES} of these.")
            return ()
        return tuple(value for value in found if self._is_fit(name, value))

    def _is_fit(self, name: str, value: str) -> bool:
        try:
            check_text(value)
        except Refused as refused:
            self.refuse(name, str(refused))
            return False
        if len(value) > LONGEST_TEXT:
            self.refuse(name, f"Give at most {LONGEST_TEXT} characters.")
            return False
        return True

    def whole(self, name: str, *, lowest: int = 0, highest: int = LARGEST) -> int | None:
        text = (self.text(name) or "").strip()
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 19 and lowest <= int(text) <= highest:
            return int(text)
        self.refuse(name, f"This must be a whole number from {lowest} to {highest}.")
        return None

    def limit(self) -> int:
        return self.whole("limit", lowest=1, highest=MOST_ITEMS) or USUAL_ITEMS

    def instant(self, name: str) -> datetime | None:
        """In UTC; without a zone it is taken as UTC, a date alone as its first moment."""
        text = self.text(name)
        if text is None:
            return None
        try:
            found = instant_of(inspect.DateTimeType(), text, {}, False)
        except Refused as refused:
            self.refuse(name, str(refused))
            return None
        if found.year not in YEARS:
            self.refuse(name, f"Give a time from {YEARS.start} to {YEARS.stop - 1}.")
            return None
        return found

    def choice(self, name: str, choices: Collection[str], usual: str) -> str:
        text = self.text(name) or usual
        if text not in choices:
            self.refuse(name, f"Choose one of: {', '.join(choices)}.")
        return text

    def flag(self, name: str) -> bool:
        return self.choice(name, ("0", "1"), "0") == "1"
