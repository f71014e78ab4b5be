"""The form of a schedule: what its fields hold, and what was meant by what they came back with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from werkzeug.datastructures import MultiDict

from cqrs.workers.due_times import Timing

#: The largest first: an interval is shown in the largest that divides it.
UNITS: Mapping[str, timedelta] = {
    "days": timedelta(days=1),
    "hours": timedelta(hours=1),
    "minutes": timedelta(minutes=1),
    "seconds": timedelta(seconds=1),
}
FIELDS = ("pace", "every", "unit", "cron", "zone", "jitter_seconds")
#: Which field of the form shows what is wrong with a field of the timing.
SHOWN_AT = {"every_seconds": "every"}
LONGEST_FIELD = 200


def values_of(timing: Timing) -> dict[str, str]:
    """What the fields hold at first."""
    unit, size = next((name, size) for name, size in UNITS.items() if timing.every is None or not timing.every % size)
    return {
        "pace": "cron" if timing.cron is not None else "every",
        "every": "" if timing.every is None else str(timing.every // size),
        "unit": "minutes" if timing.every is None else unit,
        "cron": timing.cron or "",
        "zone": timing.zone,
        "jitter_seconds": str(int(timing.jitter.total_seconds())),
    }


def posted(form: MultiDict[str, str]) -> dict[str, str]:
    return {name: form.get(name, "").strip()[:LONGEST_FIELD] for name in FIELDS}


def change_in(values: Mapping[str, str]) -> dict[str, object]:
    """As the runtime takes it. What cannot be read is handed on as it is, and refused there."""
    change: dict[str, object] = {"zone": values["zone"], "jitter_seconds": values["jitter_seconds"] or "0"}
    if values["pace"] == "cron":
        return {**change, "cron": values["cron"]}
    number, unit = values["every"], UNITS.get(values["unit"])
    if unit is not None and number.isascii() and number.isdigit() and len(number) <= 7:
        return {**change, "every_seconds": int(number) * int(unit.total_seconds())}
    return {**change, "every_seconds": number}
