"""Values of columns as JSON has them, in the words of a page: text in quotes, numbers and times without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cqrs.console import current
from cqrs.console.filters import compact_json, quoted
from cqrs.console.masking import masked_fields
from cqrs.messages import MASK

NULL = "NULL"
#: Longer values are cut: a page is no export.
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which columns of a read model hold text, and which make its key; a column that is not known holds text."""

    plain: frozenset[str]
    keys: tuple[str, ...]

    def text(self, name: str, value: object) -> str:
        """Of a value that is not masked yet."""
        return self.shown(name, masked_fields({name: value})[name])

    def shown(self, name: str, value: object) -> str:
        if value is None:
            return NULL
        if isinstance(value, str):
            text = value if name in self.plain or value == MASK else quoted(value)
        else:
            text = compact_json(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def kinds_of(name: str) -> Kinds:
    """Of the read model of this name, as it is declared now."""
    models = current.runtime().read_models.list()
    columns = next((model.columns for model in models if model.name == name), ())
    plain = frozenset(each.name for each in columns if not each.type_text.startswith(("text", "json")))
    return Kinds(plain, tuple(each.name for each in columns if each.primary_key))


def key_heading(kinds: Kinds) -> str:
    return ", ".join(kinds.keys) or "Key"


def without_keys(values: Mapping[str, object], kinds: Kinds) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in kinds.keys}
