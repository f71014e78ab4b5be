"""The fields of a message as a form shows them, and as JSON Schema describes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from msgspec import inspect as mi

from cqrs.messages import Message
from cqrs.values import choices_of

#: (input type, the words for it); what is not here is edited as JSON.
INPUTS: dict[type[mi.Type], tuple[str, str]] = {
    mi.StrType: ("text", "text"),
    mi.UUIDType: ("text", "UUID"),
    mi.BytesType: ("text", "base64"),
    mi.TimeDeltaType: ("text", "duration"),
    mi.IntType: ("integer", "whole number"),
    mi.FloatType: ("number", "number"),
    mi.DecimalType: ("decimal", "decimal"),
    mi.BoolType: ("boolean", "yes or no"),
    mi.DateTimeType: ("datetime", "time in UTC"),
    mi.DateType: ("date", "date"),
    mi.TimeType: ("time", "time of day"),
    mi.EnumType: ("choice", "choice"),
    mi.LiteralType: ("choice", "choice"),
    mi.ListType: ("json", "list as JSON"),
    mi.VarTupleType: ("json", "list as JSON"),
    mi.TupleType: ("json", "list as JSON"),
    mi.SetType: ("json", "list as JSON"),
    mi.FrozenSetType: ("json", "list as JSON"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    name: str
    label: str
    #: text, integer, number, decimal, boolean, datetime, date, time, choice or json.
    type: str
    #: The type and its limits in words: "decimal, 2 places, 0.01 or more".
    type_text: str
    required: bool
    #: As plain JSON; None also when there is none.
    default: object = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    scale: int | None = None
    pattern: str | None = None
    help: str | None = None


def fields_of(cls: type[Message]) -> list[Field]:
    """In the order of the class; a field of another message comes as one JSON field."""
    return [_field(field) for field in _struct(cls).fields]


def _struct(cls: type[Message]) -> mi.StructType:
    return cast(mi.StructType, mi.type_info(cls))


def _field(field: mi.Field) -> Field:
    kind, extra, schema = _unwrapped(field.type)
    known = type(kind) in INPUTS and not (isinstance(kind, mi.LiteralType) and not kind.values)
    input_type, words = INPUTS[type(kind)] if known else ("json", "JSON")
    minimum, maximum = _bounds(kind, extra)
    scale = extra.get("scale")
    lengths = (getattr(kind, "min_length", None), getattr(kind, "max_length", None))
    return Field(
        name=field.encode_name,
        label=field.encode_name,
        type=input_type,
        type_text=", ".join([words, *_limits(kind, scale, minimum, maximum, lengths), *_optional(field)]),
        required=field.required,
        default=_default(field),
        secret=bool(extra.get("secret")),
        choices=_choices(kind),
        minimum=minimum,
        maximum=maximum,
        min_length=lengths[0],
        max_length=lengths[1],
        scale=scale,
        pattern=getattr(kind, "pattern", None),
        help=schema.get("description"),
    )


def _unwrapped(kind: mi.Type) -> tuple[mi.Type, dict[str, Any], dict[str, Any]]:
    """The type within Annotated and `| None`, with the extra and the JSON Schema its Meta gives."""
    extra: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    while True:
        if isinstance(kind, mi.Metadata):
            extra |= kind.extra or {}
            schema |= kind.extra_json_schema or {}
            kind = kind.type
        elif isinstance(kind, mi.UnionType) and len(_present(kind)) == 1:
            kind = _present(kind)[0]
        else:
            return kind, extra, schema


def _present(kind: mi.UnionType) -> list[mi.Type]:
    return [member for member in kind.types if not isinstance(member, mi.NoneType)]


def _bounds(kind: mi.Type, extra: dict[str, Any]) -> tuple[str | None, str | None]:
    """Exclusive bounds of whole numbers are turned into inclusive ones; those of floats are left to validation."""
    low, high = extra.get("minimum"), extra.get("maximum")
    if isinstance(kind, mi.IntType | mi.FloatType):
        low, high = kind.ge, kind.le
    if isinstance(kind, mi.IntType):
        low = kind.gt + 1 if kind.gt is not None else low
        high = kind.lt - 1 if kind.lt is not None else high
    return (None if low is None else str(low)), (None if high is None else str(high))


def _limits(
    kind: mi.Type, scale: int | None, minimum: str | None, maximum: str | None, lengths: tuple[int | None, int | None]
) -> Iterator[str]:
    if scale is not None:
        yield f"{scale} place{'' if scale == 1 else 's'}"
    if minimum is not None:
        yield f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"
    elif maximum is not None:
        yield f"{maximum} or less"
    unit = " characters" if isinstance(kind, mi.StrType) else ""
    least, most = lengths
    if least is not None and most is not None:
        yield f"{least} to {most}{unit}"
    elif least is not None:
        yield f"at least {least}{unit}"
    elif most is not None:
        yield f"at most {most}{unit}"


def _optional(field: mi.Field) -> list[str]:
    return [] if field.required else ["optional"]


def _default(field: mi.Field) -> object:
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return None if value is msgspec.NODEFAULT or value is msgspec.UNSET else msgspec.to_builtins(value)


def _choices(kind: mi.Type) -> tuple[str, ...]:
    if isinstance(kind, mi.EnumType | mi.LiteralType):
        return tuple(str(value) for _, value in choices_of(kind))
    return ()


def json_schema(cls: type[Message]) -> dict[str, Any]:
    """The schema with its root in place instead of behind a $ref, and with what only our validation knows."""
    (root,), definitions = msgspec.json.schema_components([cls], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = definitions.pop(root["$ref"].removeprefix("#/$defs/"))
    schema["additionalProperties"] = False
    for field in fields_of(cls):
        property_schema = schema["properties"][field.name]
        for branch in property_schema.get("anyOf", [property_schema]):
            _complete(branch, field)
    return schema | ({"$defs": definitions} if definitions else {})


def _complete(branch: dict[str, Any], field: Field) -> None:
    if branch.get("format") == "decimal":
        branch["type"] = ["string", "number"]
        branch |= {
            key: json.loads(value)
            for key, value in (("minimum", field.minimum), ("maximum", field.maximum))
            if value is not None
        }
        if field.scale is not None:
            branch["multipleOf"] = 10**-field.scale
    if field.secret and branch.get("type") == "string":
        branch |= {"format": "password", "writeOnly": True}
