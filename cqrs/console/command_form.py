"""What came with a submitted command form, apart from and for the command's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from werkzeug.datastructures import MultiDict

from cqrs.console.parameters import Parameters
from cqrs.errors import InvalidMessage
from cqrs.fields import fields_of
from cqrs.messages import Command
from cqrs.validation import build

#: Fields of the form that are not the command's.
OURS = frozenset({"csrf_token", "idempotency_key", "expected_stream", "expected_version", "dry_run"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """`values` as typed, to be shown again; `fields` as the mediator gets them."""

    values: Mapping[str, str]
    fields: Mapping[str, object] = field(default_factory=dict)
    idempotency_key: str | None = None
    expected_stream: str | None = None
    expected_version: int | None = None

    def version_for(self, stream: str | None) -> int | None:
        """What was expected of this stream; None when the form was made for another one."""
        return self.expected_version if stream is not None and stream == self.expected_stream else None

    def expecting(self, stream: str, version: int) -> Filled:
        return replace(self, expected_stream=stream, expected_version=version)

    def anew(self) -> Filled:
        """Sent again, it is another request, and expects what it will then find."""
        return replace(self, idempotency_key=None, expected_stream=None, expected_version=None)


def filled_in(command: type[Command], form: MultiDict[str, str]) -> Filled:
    """Fields the command does not know are passed on, to be refused like all that is wrong. Raises InvalidMessage
    when a field we put into the form ourselves comes back broken."""
    hidden = Parameters(form)
    key, stream = hidden.text("idempotency_key"), hidden.text("expected_stream")
    version = hidden.whole("expected_version")
    hidden.check()
    taken = {each.name for each in fields_of(command)} & OURS
    values = {name: value for name, value in form.items() if name not in OURS or name in taken}
    return Filled(
        values=values,
        fields=values,
        idempotency_key=key,
        expected_stream=stream,
        expected_version=version,
    )


def stream_of(command: type[Command], fields: Mapping[str, object]) -> str | None:
    """The stream the command will write to; None when it cannot be known, or the fields are not valid."""
    try:
        message = build(command, fields, strict=False)
    except InvalidMessage:
        return None
    return message.stream_of() if isinstance(message, Command) else None
