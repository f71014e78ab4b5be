"""Demo data on the very first run, and a little live traffic afterwards, so that there is something to see."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Any

from cqrs.errors import CqrsError
from cqrs.runtime import Runtime

#: Whose events demo data are; no person can have this name.
ACTOR = "demo"
#: Seconds between two commands of the live traffic.
PAUSE = (2.0, 6.0)

logger = logging.getLogger(__name__)


def seed_first_run(runtime: Runtime) -> bool:
    """Whether demo data were loaded: they are wanted, and the log is still empty."""
    if not runtime.settings.demo or runtime.events.head() > 0:
        return False
    logger.info("Loading demo data, this once.")
    seed(runtime)
    return True


def seed(runtime: Runtime) -> None:
    """Every domain's demo data. Commits do not wait for the disk meanwhile; the end of it does."""
    with runtime.main.relaxed():
        for domain in runtime.catalogue.domains:
            if domain.seed is not None:
                domain.seed(runtime)


def has_demo_data(runtime: Runtime) -> bool:
    """Whether the log began with them: a log that people began is never given customers who do not exist."""
    first = runtime.events.read_all(limit=1)
    return bool(first) and first[0].actor == ACTOR


class Trickle:
    """A thread that now and then sends a command as a customer would."""

    def __init__(
        self, runtime: Runtime, *, rng: random.Random | None = None, pause: tuple[float, float] = PAUSE
    ) -> None:
        self._runtime = runtime
        self._rng = rng or random.Random()
        self._pause = pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._rng.uniform(*self._pause)):
            for domain in self._runtime.catalogue.domains:
                if domain.trickle is not None:
                    self._send(domain.trickle)

    def _send(self, trickle: Callable[[Any, random.Random], None]) -> None:
        try:
            trickle(self._runtime, self._rng)
        except CqrsError as error:
            logger.warning("The demo's live traffic pauses: %s", error)
        except Exception:
            logger.exception("The demo's live traffic failed once.")
