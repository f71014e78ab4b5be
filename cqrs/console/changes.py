"""Two JSON values side by side, field by field: what a version changed, what an upcaster made of a payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cqrs.console.filters import compact_json

#: A value with more fields than this is compared as far as that.
MOST_FIELDS = 200
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Change:
    """One field as JSON text; None where the field is not there."""

    path: str
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        return self.before != self.after


def compare(before: object, after: object) -> list[Change]:
    """Fields in the order of `after`, then those that went away."""
    old = dict(_flattened(before))
    new = dict(_flattened(after))
    paths = [*new, *(path for path in old if path not in new)]
    return [Change(path, old.get(path), new.get(path)) for path in paths[:MOST_FIELDS]]


def _flattened(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value and depth < DEEPEST:
        for key, item in value.items():
            yield from _flattened(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and value and depth < DEEPEST:
        for index, item in enumerate(value):
            yield from _flattened(item, f"{path}[{index}]", depth + 1)
    elif path:
        yield path, compact_json(value)
