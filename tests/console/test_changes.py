"""Two values side by side."""

from __future__ import annotations

from cqrs.console.changes import MOST_FIELDS, compare


def test_fields_are_compared_by_their_path() -> None:
    before = {"name": "Ada Byron", "address": {"city": "Ealing"}, "tags": ["a"]}
    after = {"name": "Ada Lovelace", "address": {"city": "Ealing", "since": None}, "tags": ["a", "b"]}
    found = {change.path: (change.before, change.after) for change in compare(before, after)}
    assert found == {
        "name": ('"Ada Byron"', '"Ada Lovelace"'),
        "address.city": ('"Ealing"', '"Ealing"'),
        "address.since": (None, "null"),
        "tags[0]": ('"a"', '"a"'),
        "tags[1]": (None, '"b"'),
    }
    assert [change.path for change in compare(before, after) if change.changed] == ["name", "address.since", "tags[1]"]


def test_a_null_is_not_the_same_as_a_field_that_is_not_there() -> None:
    (change,) = compare({}, {"city": None})
    assert (change.before, change.after, change.changed) == (None, "null", True)


def test_what_went_away_comes_last() -> None:
    assert [change.path for change in compare({"id": 1, "name": 2}, {"user_id": 1, "name": 2})] == [
        "user_id", "name", "id",
    ]  # fmt: skip


def test_endless_and_bottomless_values_are_cut() -> None:
    assert len(compare({}, {str(number): number for number in range(10_000)})) == MOST_FIELDS
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert len(compare({}, deep)) == 1
