"""Where the log and the read models may be: on one engine or on both, together or apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.postgres import create_database, drop_database


@contextmanager
def databases(place: str, template: Callable[[], str]) -> Iterator[dict[str, str]]:
    """Settings for databases that live as long as this. `template()` names what those on PostgreSQL are copies of."""
    made = {"sqlite": [], "postgresql twice": ["", "READ_"], "rows on postgresql": ["READ_"]}.get(place, [""])
    environ = {f"{prefix}DATABASE_URL": create_database(template()) for prefix in made}
    if place == "log on postgresql":
        environ["READ_DATABASE_URL"] = "sqlite:///read.db"
    try:
        yield environ
    finally:
        for url in environ.values():
            if url.startswith("postgresql"):
                drop_database(url)
