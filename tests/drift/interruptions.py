"""What happens to a check while it goes on: its worker dies, or commands and projections do not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cqrs.drift.check import Check
from cqrs.drift.checks import Checks
from tests.drift.gauges import GaugeRemoved, GaugeSet, Measured, Station
from tests.waiting import wait_until


class Killed(BaseException):
    """Nothing catches it, as nothing catches the end of a process."""


def die_at_save(checks: Checks, number: int) -> None:
    """At its save of this number, counted from 1, the worker dies; from then on all goes well."""
    calls, real = 0, checks.save

    def save(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise Killed
        return real(*args, **options)

    checks.save = save  # type: ignore[method-assign]


@contextmanager
def meanwhile(*steps: Callable[[int], object]) -> Iterator[list[BaseException]]:
    """Each step is repeated in a thread of its own, told how often it ran; gives what they raised, which ends them."""
    stop, errors = threading.Event(), list[BaseException]()

    def repeat(step: Callable[[int], object]) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            try:
                step(n)
            except BaseException as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=repeat, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    try:
        yield errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def command(station: Station, n: int) -> None:
    """Sets up a gauge and measures it; every seventh is removed again."""
    key = f"g{n % 40:03}"
    station.append(GaugeSet(gauge=key, label=f"Label {n}"), Measured(gauge=key, value=n))
    if n % 7 == 0:
        station.append(GaugeRemoved(gauge=key))


def checks_meanwhile(
    station: Station,
    check: Callable[[], Check],
    times: int,
    command: Callable[[Station, int], None] = command,
) -> list[Check]:
    """Checks while commands run and the projection moves, each after the log has grown."""
    checks = []
    with meanwhile(lambda n: command(station, n), lambda n: station.move()) as errors:
        for _ in range(times):
            head = station.events.head()
            wait_until(lambda head=head: station.events.head() > head or bool(errors))
            checks.append(check())
    assert errors == []
    return checks
