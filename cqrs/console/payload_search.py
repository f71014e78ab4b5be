"""What is looked for in payloads, and whether one holds it where it may be seen.

The database compares text; each hit is looked at once more as it is shown. So nobody learns, by searching, what a
masked field holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec

from cqrs.console import masking
from cqrs.console.parameters import Parameters
from cqrs.store.records import RecordedEvent

#: `amount=12.50`, `address.city=Leeds`, `lines[0].sku=A-1`. In quotation marks, the same is a text.
FIELD = re.compile(r"(?P<path>[^\W\d][\w-]*(?:\.[\w-]+|\[\d+\])*)=(?P<value>.*)", re.DOTALL)
STEP = re.compile(r"[\w-]+")
LITERALS = ("true", "false", "null")
LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class PayloadField:
    """The value at a path of the stored payload, as text. Numbers are compared as numbers: 12.5 is 12.50."""

    path: str
    value: str

    @property
    def steps(self) -> Sequence[str]:
        return STEP.findall(self.path)

    def spellings(self) -> tuple[str, ...]:
        """How JSON may have it. A hit can still be something else: that of a longer number, or at another path."""
        last = self.steps[-1]
        name = "" if last.isdigit() else msgspec.json.encode(last).decode()
        values = dict.fromkeys(text for each in self._values() for text in each)
        gaps = (":", ": ") if name else ("",)
        return tuple(name + gap + value for value in values for gap in gaps)

    def _values(self) -> Iterator[tuple[str, ...]]:
        yield (msgspec.json.encode(self.value).decode(),)
        if self.value in LITERALS:
            yield (self.value,)
        number = number_of(self.value)
        if number is not None:
            plain = f"{number.normalize():f}"
            yield (self.value.strip(), plain, f'"{plain}"', f'"{self.value.strip()}"')
            exponent = number.normalize().as_tuple().exponent
            if isinstance(exponent, int) and exponent >= -2:
                yield (f"{number:.2f}", f'"{number:.2f}"')

    def holds(self, data: object) -> bool:
        for step in self.steps:
            if isinstance(data, Mapping):
                if step not in data:
                    return False
                data = data[step]
            elif isinstance(data, list) and step.isdigit() and int(step) < len(data):
                data = data[int(step)]
            else:
                return False
        return self._is(data)

    def _is(self, found: object) -> bool:
        if found is None or isinstance(found, bool):
            return self.value == ("null" if found is None else str(found).lower())
        if isinstance(found, str) and found == self.value:
            return True
        if not isinstance(found, str | int | float):
            return False
        number = number_of(str(found))
        return number is not None and number == number_of(self.value)


@dataclass(frozen=True, slots=True)
class PayloadSearch:
    """One of the two, or neither. `unmasked`: hits in masked fields count as well."""

    text: str | None = None
    field: PayloadField | None = None
    unmasked: bool = False

    @property
    def given(self) -> bool:
        return self.text is not None or self.field is not None

    def shows(self, event: RecordedEvent) -> bool:
        """Whether a hit is one that can be seen."""
        if not self.given:
            return True
        shown = masking.data_of(event, unmasked=self.unmasked)
        if self.field is not None:
            return self.field.holds(shown)
        if self.text is None or shown == masking.data_of(event, unmasked=True):
            return True
        text = msgspec.json.encode(shown).decode().lower()
        return any(each.lower() in text for each in (self.text, msgspec.json.encode(self.text).decode()[1:-1]))


def payload_search_of(parameters: Parameters, name: str = "text", *, unmasked: bool = False) -> PayloadSearch:
    """Refuses a path with a name that is masked: not even by guessing may its value be found out."""
    given = parameters.text(name)
    if given is None:
        return PayloadSearch()
    if len(given) > 2 and given[0] == given[-1] == '"':
        return PayloadSearch(text=given[1:-1], unmasked=unmasked)
    match = FIELD.fullmatch(given)
    if match is None:
        return PayloadSearch(text=given, unmasked=unmasked)
    field = PayloadField(match["path"], match["value"])
    hidden = [step for step in field.steps if masking.is_sensitive(step)]
    if hidden and not unmasked:
        parameters.refuse(name, f"{hidden[0]} is masked, so it cannot be searched.")
    return PayloadSearch(field=field, unmasked=unmasked)


def number_of(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip()) if len(text) <= LONGEST_NUMBER else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number.adjusted()) < LONGEST_NUMBER else None
