"""Whether code that folds events is still the code that a generation was made by. Layout and comments do not count."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import msgspec

from cqrs.messages import event_name, event_version, upcasters_of
from cqrs.projections.projection import Handler, Projection
from cqrs.projections.sql_projection import SqlProjection


def logic_of(projection: type[Projection]) -> str:
    """A hash of handlers, keys and upcasters. What they call in turn is not part of it."""
    if issubclass(projection, SqlProjection):
        return digest([sorted(map(event_identity, projection.events)), code_of(projection.handle)])
    handlers = sorted(_handler(handler) for handler in projection.handlers)
    return digest([projection.on_error, handlers])


@functools.lru_cache(1_000)  # every page asks whether the code is still the same
def _handler(handler: Handler) -> list[Any]:
    return [*event_identity(handler.event), key_identity(handler), handler.creates, code_of(handler.function)]


def event_identity(event: Any) -> list[Any]:
    upcasters = [[version, code_of(step)] for version, step in sorted(upcasters_of(event).items())]
    return [event_name(event), event_version(event), upcasters]


def key_identity(handler: Handler) -> Any:
    """Fields by name, a function by its code."""
    return code_of(handler.key) if callable(handler.key) else handler.key


@functools.lru_cache(1_000)
def code_of(function: Callable[..., Any]) -> str:
    """The function's syntax tree; its compiled code where there is no source, as for one typed into a shell."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        code = getattr(function, "__code__", None)
        return digest([code.co_code.hex(), repr(code.co_consts), code.co_names]) if code else repr(type(function))
    return digest(ast.dump(tree))


def digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:16]
