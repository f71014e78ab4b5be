"""The query for a list of events, such that an index answers it whatever the filter is.

What an index finds (see sought.py) comes in its order between two bounds, so that a page deep in the log costs what
the first one does. All other conditions are checked on those events, on no more of them than a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cqrs.store import event_store
from cqrs.store.log import Log
from cqrs.store.records import EVERYTHING, EventFilter, RecordedEvent
from cqrs.store.sought import SEEKABLE, checked, sought

COLUMNS = ", ".join(RecordedEvent._fields)


@dataclass(frozen=True, slots=True)
class Page:
    """Positions `after` < p <= `until`; versions instead, where the filter names a stream."""

    after: int
    until: int
    limit: int
    descending: bool = False


Select = tuple[str, dict[str, Any]]


def listing(where: EventFilter, page: Page, words: Log, columns: str = COLUMNS) -> Select:
    """A SELECT with named parameters, and their values."""
    values: dict[str, Any] = {"after": page.after, "until": page.until, "limit": page.limit}
    rest = checked(where)
    if rest == EVERYTHING:
        return _found(where, page, words, values, columns, ":limit"), values
    # Both databases hand the events on in the order in which they are met, and stop when there are enough.
    met = met_by(where, page, words, values)
    checks = " AND ".join([*_equal(rest, words, values), *_others(rest, words, values)])
    return f"SELECT {columns} FROM ({met}) AS met WHERE {checks} LIMIT :limit", values


def met_by(where: EventFilter, page: Page, words: Log, values: dict[str, Any], columns: str = COLUMNS) -> str:
    """A SELECT of the events that a search looks at, whether they fit or not: a window of them."""
    values["window"] = event_store.WINDOW
    return _found(sought(where), page, words, values, columns, ":window")


def edge(where: EventFilter, page: Page, words: Log) -> Select:
    """A SELECT of the position of the last event a search looks at; NULL when it looks at all there are."""
    values: dict[str, Any] = {"after": page.after, "until": page.until}
    last = "min" if page.descending else "max"
    met = met_by(where, page, words, values, "position")
    return f"SELECT CASE WHEN count(*) = :window THEN {last}(position) END FROM ({met}) AS met", values


def _found(found: EventFilter, page: Page, words: Log, values: dict[str, Any], columns: str, limit: str) -> str:
    column = "position" if found.stream is None else "version"
    direction = "DESC" if page.descending else "ASC"
    times = "".join(f" AND {condition}" for condition in _others(found, words, values))
    if len(found.types) > 1:
        return _merged(found.types, words, values, columns, times, direction, limit)
    names = [name for name in SEEKABLE if getattr(found, name)]
    if not names:
        bounds = f"{column} > :after AND {column} <= :until{times}"
        return f"SELECT {columns} FROM events WHERE {bounds} ORDER BY {column} {direction} LIMIT {limit}"
    name = names[0]
    values[name] = found.types[0] if name == "types" else getattr(found, name)
    condition, order = words.run(_expression(name, words), name, column, direction)
    return f"SELECT {columns} FROM events WHERE {condition}{times} {order} LIMIT {limit}"


def _expression(name: str, words: Log) -> str:
    return words.category if name == "category" else "type" if name == "types" else name


def _merged(
    types: Sequence[str], words: Log, values: dict[str, Any], columns: str, times: str, direction: str, limit: str
) -> str:
    """Each type comes in order from the index; merging them is lazy, where `type IN` would sort all there are."""
    arms, order = [], f"ORDER BY position {direction} LIMIT {limit}"
    for n, type in enumerate(types):
        values[f"type{n}"] = type
        condition, by_type = words.run("type", f"type{n}", "position", direction)
        arms.append(words.arm(f"SELECT position FROM events WHERE {condition}{times}", f"{by_type} LIMIT {limit}"))
    positions = f"SELECT position AS found FROM ({' UNION ALL '.join(arms)} {order}) AS arms"
    return f"SELECT {columns} FROM ({positions}) AS f CROSS JOIN events WHERE position = found {order}"


def _equal(where: EventFilter, words: Log, values: dict[str, Any]) -> Iterator[str]:
    for name in SEEKABLE:
        if name == "types" and where.types:
            names = [f"type{n}" for n in range(len(where.types))]
            values.update(zip(names, where.types, strict=True))
            yield f"type IN ({', '.join(':' + each for each in names)})"
        elif getattr(where, name) is not None and name != "types":
            values[name] = getattr(where, name)
            yield f"{_expression(name, words)} = :{name}"


def _others(where: EventFilter, words: Log, values: dict[str, Any]) -> Iterator[str]:
    if where.since is not None:
        values["since"] = words.moment(where.since)
        yield "recorded_at >= :since"
    if where.until is not None:
        values["before"] = words.moment(where.until)
        yield "recorded_at < :before"
    if where.text is not None:
        # The text as a person types it, and as JSON spells it when it has quotes, line ends or backslashes.
        yield _like("text", dict.fromkeys((where.text, msgspec.json.encode(where.text).decode()[1:-1])), words, values)
    if where.spelled:
        yield _like("spelled", where.spelled, words, values)


def _like(name: str, spellings: Iterable[str], words: Log, values: dict[str, Any]) -> str:
    """Whether the stored data hold one of these."""
    patterns = {f"{name}{n}": f"%{_literally(text)}%" for n, text in enumerate(spellings)}
    values.update(patterns)
    return "(" + " OR ".join(rf"data {words.like} :{each} ESCAPE '\'" for each in patterns) + ")"


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
