"""Which rows an address asks for: conditions on columns, each with its words and a way to take it away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import redirect, request

from cqrs.console.links import with_query
from cqrs.console.masking import is_sensitive
from cqrs.console.parameters import Parameters
from cqrs.errors import InvalidMessage
from cqrs.readmodels.row_order import NO_ORDER

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from cqrs.readmodels.reading import Column

#: Parameters that are no columns; those of the form begin with an underscore, which no column does.
SORT, CURSOR, COLUMN, COMPARISON, VALUE = "sort", "cursor", "_column", "_is", "_value"
#: What the form offers: its words, the ending of the parameter, and the value where it needs none.
COMPARISONS: Mapping[str, tuple[str, str, str | None]] = {
    "is": ("is", "", None),
    "from": ("is at least", ".from", None),
    "to": ("is at most", ".to", None),
    "begins": ("begins with", ".begins", None),
    "contains": ("contains", ".contains", None),
    "null": ("has no value", ".null", "1"),
    "not_null": ("has a value", ".null", "0"),
}
HIDDEN = "Values of this column are not shown, so rows cannot be found by it."
UNSORTED = "Values of this column are not shown, so rows are not sorted by it: their order and cursors would tell them."


@dataclass(frozen=True, slots=True)
class Condition:
    """As people read it: `column` `words` `value`. `without` is the address that leaves it out."""

    name: str
    column: str
    words: str
    value: str
    without: str


def filters_of(asked: Parameters, reserved: Collection[str]) -> dict[str, str]:
    """All parameters but the reserved ones. Raises InvalidMessage for columns whose values are masked, also for a sort
    by one: a cursor holds the value it goes on behind."""
    names = [name for name in request.args if name not in reserved]
    hidden = {name: [HIDDEN] for name in names if is_sensitive(name.partition(".")[0])}
    if sorts_by_hidden():
        hidden[SORT] = [UNSORTED]
    if hidden:
        raise InvalidMessage(hidden)
    given = {name: asked.text(name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def sorts_by_hidden() -> bool:
    return is_sensitive(request.args.get(SORT, ""))


def why_not_sorted(columns: Sequence[Column]) -> str | None:
    """By the column that was asked for; None where they are."""
    if sorts_by_hidden():
        return UNSORTED
    sort = request.args[SORT].removeprefix("-")
    return next((NO_ORDER for column in columns if column.name == sort and not column.sortable), None)


def added() -> Response | None:
    """To the address with the condition that the form adds; None when it adds none. Raises InvalidMessage."""
    if COLUMN not in request.args:
        return None
    asked = Parameters(request.args)
    column, typed = asked.text(COLUMN), asked.text(VALUE)
    comparison = asked.choice(COMPARISON, tuple(COMPARISONS), "is")
    _, ending, fixed = COMPARISONS.get(comparison, COMPARISONS["is"])
    value = typed if fixed is None else fixed
    if column and value is None:
        asked.refuse(VALUE, "Give a value to compare with.")
    asked.check()
    kept = {name: text for name, text in request.args.items() if not name.startswith("_") and name != CURSOR}
    return redirect(with_query(request.path, {**kept, f"{column}{ending}": value} if column else kept))


def conditions(filters: Mapping[str, str], columns: Collection[str]) -> Iterator[Condition]:
    for name, value in filters.items():
        yield _condition(name, value, columns)


def _condition(name: str, value: str, columns: Collection[str]) -> Condition:
    kept = {other: text for other, text in request.args.items() if other not in (name, CURSOR)}
    without = with_query(request.path, kept)
    column, _, ending = name.rpartition(".")
    if name in columns or not column:
        if value.endswith("*"):
            return Condition(name, name, "begins with", value.removesuffix("*"), without)
        return Condition(name, name, "is", value, without)
    if ending == "null":
        return Condition(name, column, "has no value" if value == "1" else "has a value", "", without)
    words = {end: words for words, end, _ in COMPARISONS.values()}
    return Condition(name, column, words.get(f".{ending}", ending), value, without)
