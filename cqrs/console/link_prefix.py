"""What all addresses of a list begin with, worked out once: `url_for` at every row would take much of a page."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for

from cqrs.console.addresses import in_path


@dataclass(frozen=True, slots=True)
class LinkPrefix:
    address: str

    def to_key(self, key: str) -> str:
        """As `url_for` writes it, where the address ends with `<key:…>`."""
        return self.address + in_path(key)

    def to_position(self, position: int) -> str:
        return f"{self.address}{position}"


def prefix_of(endpoint: str, last: str, **others: str) -> LinkPrefix:
    """`last` names the part of the address that differs from row to row, and ends it."""
    return LinkPrefix(url_for(endpoint, **{last: 0}, **others).removesuffix("0"))  # type: ignore[arg-type]
