"""Which part of a payload an error seems to be about: a guess that only marks, from what the error itself quotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: A shorter value could be in any sentence.
SHORTEST = 3
#: Parts of a payload that are looked at.
MOST = 500


def blamed(error: str, payload: object) -> str | None:
    """The dotted path that the error names, longest first; else the only one whose value it quotes."""
    leaves = [leaf for _, leaf in zip(range(MOST), _leaves(payload, ""), strict=False)]
    named = [path for path, _ in leaves if path and _names(error, path)]
    if named:
        return max(named, key=len)
    quoted = [path for path, value in leaves if path and len(value) >= SHORTEST and value in error]
    return quoted[0] if len(quoted) == 1 else None


def _names(error: str, path: str) -> bool:
    """As a word of its own: `id` is not in "invalid"."""
    before, found, after = error.partition(path)
    return bool(found) and not before[-1:].isalnum() and not after[:1].isalnum()


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        parts = [(str(name), part) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(str(place), part) for place, part in enumerate(value)]
    else:
        yield path, "" if value is None or isinstance(value, bool) else str(value)
        return
    for name, part in parts:
        yield from _leaves(part, f"{path}.{name}" if path else name)
