"""Whether what a finding calls its key is one: a row that something else wrote may have a key that no row can have."""

from __future__ import annotations

from cqrs.drift.check import Found
from cqrs.readmodels.difference import DifferenceKind
from cqrs.readmodels.keys import key_of_text
from cqrs.readmodels.rows import RowModel


def has_key(found: Found, model: RowModel) -> bool:
    """Any text could be a text key, so such a one is held against the stored column."""
    if key_of_text(found.key, model) is None:
        return False
    (first, *others) = model.key_columns
    if others or found.kind != DifferenceKind.EXTRA or first.type.python_type is not str:
        return True
    return bool(found.columns.get(first.name, {}).get("stored", found.key) == found.key)
