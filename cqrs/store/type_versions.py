"""In which schema versions the events of a type are stored, from both ends of its history: what is in between is left
out, so an answer does not grow with the log."""

from __future__ import annotations

from typing import Any

from cqrs.store.log import Log

VERSION_COLUMNS = ("schema_version", "met")


def versions_select(type: str, most: int, last: int, words: Log) -> tuple[str, dict[str, Any]]:
    """A SELECT of VERSION_COLUMNS over the oldest and the newest `most` events of a type."""
    ends = [words.run("type", "type", "position", direction) for direction in ("ASC", "DESC")]
    oldest, newest = (
        f"SELECT * FROM (SELECT position, schema_version FROM events WHERE {condition} {order} LIMIT :most) AS {name}"
        for name, (condition, order) in zip(("oldest", "newest"), ends, strict=True)
    )
    select = (
        f"SELECT schema_version, count(*) AS met FROM ({oldest} UNION {newest}) AS ends "
        "GROUP BY schema_version ORDER BY schema_version LIMIT :groups"
    )
    return select, {"type": type, "after": 0, "until": last, "most": most, "groups": 2 * most}
