"""Parts of addresses: names with slashes (`<key:stream>`) and positions (`<position:position>`). `url_for` fits."""

from __future__ import annotations

from werkzeug.routing import BaseConverter, ValidationError

from cqrs.readmodels.keys import from_path, path_key

LARGEST_POSITION = 2**63 - 1


class PathKeyConverter(BaseConverter):
    """`~` is written ~0 and `/` is written ~1, then both are percent-encoded; anything else after ~ is no address."""

    def to_python(self, value: str) -> str:
        if "\0" in value:
            raise ValidationError
        try:
            return from_path(value)
        except ValueError:
            raise ValidationError from None

    def to_url(self, value: object) -> str:
        return super().to_url(path_key(str(value)))


class PositionConverter(BaseConverter):
    """A whole number that every database can compare."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        if int(value) > LARGEST_POSITION:
            raise ValidationError
        return int(value)
