"""The query for a list of events, such that an index answers it whatever the filter is.

One condition drives: it chooses the index, and the bounds on positions (or versions) go along with it, so that a page
deep in the log costs what the first one does. All other conditions are only checked on the rows found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from cqrs.store.log import Log
from cqrs.store.records import EventFilter, RecordedEvent

COLUMNS = ", ".join(RecordedEvent._fields)


@dataclass(frozen=True, slots=True)
class Page:
    """Positions `after` < p <= `until`; versions instead, where the filter names a stream."""

    after: int
    until: int
    limit: int
    descending: bool = False


def listing(where: EventFilter, page: Page, words: Log) -> tuple[str, dict[str, Any]]:
    """A SELECT of COLUMNS with named parameters, and their values."""
    values: dict[str, Any] = {"after": page.after, "until": page.until, "limit": page.limit}
    column = "position" if where.stream is None else "version"
    bounds = [f"{column} > :after", f"{column} <= :until"]
    equal = list(_equal(where, words, values))
    checked = [f"{words.unindexed}{condition}" for condition in equal[1:]] + list(_others(where, words, values))
    order = f"ORDER BY {column} {'DESC' if page.descending else 'ASC'} LIMIT :limit"
    if equal and equal[0].startswith("type IN") and len(where.types) > 1:
        return _merged(len(where.types), bounds + checked, order), values
    return f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(equal[:1] + bounds + checked)} {order}", values


def _equal(where: EventFilter, words: Log, values: dict[str, Any]) -> Iterator[str]:
    """Conditions that have an index, the one that usually finds fewest events first."""
    for column in ("stream", "causation_id", "correlation_id"):
        if (value := getattr(where, column)) is not None:
            values[column] = value
            yield f"{column} = :{column}"
    if where.types:
        names = [f"type{n}" for n in range(len(where.types))]
        values.update(zip(names, where.types, strict=True))
        yield f"type IN ({', '.join(':' + name for name in names)})"
    if where.category is not None:
        values["category"] = where.category
        yield f"{words.category} = :category"
    if where.actor is not None:
        values["actor"] = where.actor
        yield "actor = :actor"


def _others(where: EventFilter, words: Log, values: dict[str, Any]) -> Iterator[str]:
    if where.since is not None:
        values["since"] = words.moment(where.since)
        yield "recorded_at >= :since"
    if where.until is not None:
        values["before"] = words.moment(where.until)
        yield "recorded_at < :before"
    if where.text is not None:
        # The text as a person types it, and as JSON spells it when it has quotes, line ends or backslashes.
        spellings = dict.fromkeys((where.text, msgspec.json.encode(where.text).decode()[1:-1]))
        values.update((f"text{n}", f"%{_literally(text)}%") for n, text in enumerate(spellings))
        yield "(" + " OR ".join(rf"data {words.like} :text{n} ESCAPE '\'" for n in range(len(spellings))) + ")"


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _merged(types: int, conditions: list[str], order: str) -> str:
    """Each type comes in order from the index; merging them is lazy, where `type IN` would sort all there are."""
    rest = " AND ".join(conditions)
    arms = " UNION ALL ".join(f"SELECT position FROM events WHERE type = :type{n} AND {rest}" for n in range(types))
    found = f"SELECT position AS found FROM ({arms} {order}) AS arms"
    return f"SELECT {COLUMNS} FROM ({found}) AS f CROSS JOIN events WHERE position = found {order}"
