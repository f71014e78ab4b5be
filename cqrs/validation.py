"""Outside data into messages: every fault of every field at once, each a sentence, before any handler runs.

JSON is taken strictly; the text of HTML forms and query strings leniently ("3" is 3, an empty field is a missing one).
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect as mi

from cqrs.errors import InvalidMessage
from cqrs.json_text import parse_json, printable
from cqrs.messages import Message
from cqrs.values import SINGLE, Extra, Refused, check_length, check_text

AnyMessage = TypeVar("AnyMessage", bound=Message)

DEEPEST = 32
MOST_UNKNOWN_FIELDS = 20

REQUIRED = "This field is required."
TOO_DEEP = f"This is nested more than {DEEPEST} levels deep."

ABSENT = object()


def build(cls: type[AnyMessage], raw: Mapping[str, object], *, strict: bool) -> AnyMessage:
    """Make a message, or raise InvalidMessage with all errors by path: "amount", "lines[0].sku", "" for the whole.

    A ValueError or TypeError of the message's own `__post_init__` is an error of the whole message; it runs when the
    fields are valid.
    """
    return cast(AnyMessage, _read(cls, raw, strict))


def revalidate(message: AnyMessage) -> AnyMessage:
    """The same for a message built in Python, where nothing was checked; also brings its values to normal form."""
    return cast(AnyMessage, _read(type(message), message, True))


def _read(cls: type[Message], raw: object, strict: bool) -> object:
    reading = Reading(strict)
    value = reading.read(shape_of(cls), raw, "")
    if reading.errors:
        raise InvalidMessage(reading.errors)
    return value


@functools.cache
def shape_of(cls: type[Message]) -> mi.StructType:
    return cast(mi.StructType, mi.type_info(cls))


class Reading:
    """One pass over one message. Collects errors; what it returns is worth nothing when there are any."""

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self.errors: dict[str, list[str]] = {}

    def refuse(self, path: str, sentence: str) -> object:
        self.errors.setdefault(path, []).append(sentence)
        return ABSENT

    def count(self) -> int:
        return sum(map(len, self.errors.values()))

    def read(self, kind: mi.Type, raw: object, path: str, extra: Extra | None = None, depth: int = 0) -> object:
        if isinstance(kind, mi.Metadata):
            return self.read(kind.type, raw, path, kind.extra or extra, depth)
        if depth > DEEPEST:
            return self.refuse(path, TOO_DEEP)
        single = SINGLE.get(type(kind))
        try:
            if single is not None:
                return single(kind, raw, extra or {}, self.strict)
            return self.read_many(kind, raw, path, extra, depth)
        except Refused as refused:
            return self.refuse(path, str(refused))

    def read_many(self, kind: mi.Type, raw: object, path: str, extra: Extra | None, depth: int) -> object:
        match kind:
            case mi.UnionType():
                return self.read_union(kind, raw, path, extra, depth)
            case mi.AnyType():
                return plain(self.opened(raw), depth)
            case mi.StructType():
                return self.read_struct(kind, self.opened(raw), path, depth)
            case mi.DictType():
                return self.read_dict(kind, self.opened(raw), path, depth)
            case mi.ListType() | mi.VarTupleType() | mi.SetType() | mi.FrozenSetType() | mi.TupleType():
                return self.read_items(kind, self.opened(raw), path, depth)
        raise TypeError(f"A field of type {kind} passed the check of the domain.")

    def opened(self, raw: object) -> object:
        """Forms send structures as JSON text."""
        if self.strict or not isinstance(raw, str):
            return raw
        return parse_json(raw)

    def read_struct(self, kind: mi.StructType, raw: object, path: str, depth: int) -> object:
        given = _given(kind, raw)
        self.refuse_unknown(kind, given, path)
        before = self.count()
        values = {field.name: self.read_field(field, given, path, depth) for field in kind.fields}
        if self.count() > before:
            return ABSENT
        try:
            return kind.cls(**{name: value for name, value in values.items() if value is not ABSENT})
        except (ValueError, TypeError) as error:
            return self.refuse(path, str(error) or "The fields do not fit together.")

    def read_field(self, field: mi.Field, given: Mapping[str, object], path: str, depth: int) -> object:
        inner = f"{path}.{field.name}" if path else field.name
        raw = given.get(field.encode_name, ABSENT)
        if raw is ABSENT or raw is msgspec.UNSET or (raw == "" and not self.strict):
            return self.refuse(inner, REQUIRED) if field.required else ABSENT
        return self.read(field.type, raw, inner, depth=depth + 1)

    def refuse_unknown(self, kind: mi.StructType, given: Mapping[str, object], path: str) -> None:
        known = [field.encode_name for field in kind.fields]
        unknown = [name for name in given if name not in known and name != kind.tag_field]
        for name in unknown[:MOST_UNKNOWN_FIELDS]:
            shown = printable(name)
            near = "".join(f" Did you mean {match}?" for match in difflib.get_close_matches(shown, known, 1))
            self.refuse(f"{path}.{shown}" if path else shown, f"There is no field of this name.{near}")
        if len(unknown) > MOST_UNKNOWN_FIELDS:
            self.refuse(path, f"There are {len(unknown) - MOST_UNKNOWN_FIELDS} more unknown fields.")

    def read_dict(self, kind: mi.DictType, raw: object, path: str, depth: int) -> object:
        if not isinstance(raw, Mapping):
            raise Refused("This must be an object.")
        check_length(kind, raw, "entries")
        found = {}
        for name, value in raw.items():
            inner = f"{path}.{printable(name)}"
            key = self.read(kind.key_type, name, inner, depth=depth + 1)
            found[key] = self.read(kind.value_type, value, inner, depth=depth + 1)
        return found

    def read_items(self, kind: Any, raw: object, path: str, depth: int) -> object:
        if not isinstance(raw, list | tuple | set | frozenset):
            raise Refused("This must be a list.")
        if isinstance(kind, mi.TupleType):
            kinds = kind.item_types
            if len(raw) != len(kinds):
                raise Refused(f"Give exactly {len(kinds)} items.")
        else:
            check_length(kind, raw, "items")
            kinds = (kind.item_type,) * len(raw)
        items = [
            self.read(each, value, f"{path}[{n}]", depth=depth + 1)
            for n, (each, value) in enumerate(zip(kinds, raw, strict=True))
        ]
        match kind:
            case mi.ListType():
                return items
            case mi.SetType():
                return set(items)
            case mi.FrozenSetType():
                return frozenset(items)
        return tuple(items)

    def read_union(self, kind: mi.UnionType, raw: object, path: str, extra: Extra | None, depth: int) -> object:
        members = [member for member in kind.types if not isinstance(member, mi.NoneType)]
        if raw is None and len(members) < len(kind.types):
            return None
        if len(members) > 1:
            members = _tagged(members, raw) or members
        if len(members) == 1:
            return self.read(members[0], raw, path, extra, depth)
        for member in members:
            attempt = Reading(self.strict)
            value = attempt.read(member, raw, path, extra, depth)
            if not attempt.errors:
                return value
        raise Refused("This has none of the forms this field can take.")


def _given(kind: mi.StructType, raw: object) -> Mapping[str, object]:
    if isinstance(raw, kind.cls):
        return {field.encode_name: getattr(raw, field.name) for field in kind.fields}
    if not isinstance(raw, Mapping):
        raise Refused("This must be an object.")
    if kind.tag_field is not None and raw.get(kind.tag_field, kind.tag) != kind.tag:
        raise Refused(f"{kind.tag_field} must be {kind.tag}.")
    return raw


def _tagged(members: list[mi.Type], raw: object) -> list[mi.Type]:
    """The struct a union's value says it is, by its class or by its tag."""
    structs = [member for member in members if isinstance(member, mi.StructType)]
    if isinstance(raw, Mapping):
        return [s for s in structs if s.tag_field is not None and raw.get(s.tag_field, ABSENT) == s.tag]
    return [s for s in structs if type(raw) is s.cls]


def plain(raw: object, depth: int) -> object:
    """A value of a field declared as Any: JSON as it came, with floats for Decimals; hostile texts are refused."""
    if depth > DEEPEST:
        raise Refused(TOO_DEEP)
    match raw:
        case str():
            check_text(raw)
        case Decimal():
            return SINGLE[mi.FloatType](mi.FloatType(), raw, {}, True)
        case bool():
            return raw
        case int():
            return SINGLE[mi.IntType](mi.IntType(), raw, {}, True)
        case float():
            return SINGLE[mi.FloatType](mi.FloatType(), raw, {}, True)
        case Mapping():
            return {plain(name, depth + 1): plain(value, depth + 1) for name, value in raw.items()}
        case list() | tuple():
            return [plain(value, depth + 1) for value in raw]
    return raw
