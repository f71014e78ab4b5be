"""Pages of events, the next one being read while somebody works on the one before: a database searches for them in
time that Python cannot use otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Page = TypeVar("Page")


def read_ahead(read: Callable[[Part], Page], parts: Sequence[Part]) -> Iterator[Page]:
    """The pages of all parts, in order. No more than two are held at once. Raises what `read` raises."""
    if len(parts) < 2:
        yield from map(read, parts)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="events ahead") as reader:
        following = reader.submit(read, parts[0])
        for part in parts[1:]:
            page = following.result()
            following = reader.submit(read, part)
            yield page
            del page
        yield following.result()
