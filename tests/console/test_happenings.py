"""What the chart of a projection's lag marks."""

from __future__ import annotations

from cqrs.console.happenings import happenings
from tests.console.statuses import MOMENT, failed, status
from tests.console.work import operation


def told(*args: object, **facts: object) -> list[str]:
    return [each.words for each in happenings(*args, **facts)]  # type: ignore[arg-type]


def test_a_failure_and_a_pause_are_marked() -> None:
    assert told(failed(paused_at=MOMENT), []) == ["failed", "paused"]
    assert told(status(), []) == []


def test_only_what_gave_readers_other_rows_is_marked() -> None:
    operations = [
        operation("succeeded", result={"generation": 8}),
        operation("succeeded", kind="rollback", result={"generation": 7}),
        operation("succeeded", kind="check", result={"check": "1"}),
        operation("failed"),
        operation(),
    ]
    assert told(status(), operations) == ["swapped to generation 8", "rolled back to generation 7"]
