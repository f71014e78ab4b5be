"""What axe-core finds on a page that keeps somebody from using it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page

#: Moderate and minor ones are advice.
GRAVE = ("serious", "critical")
LOAD = "window.axe === undefined"
RUN = "axe.run(document, {resultTypes: ['violations'], preload: false})"


def grave_faults(page: Page) -> list[str]:
    """One line for each rule that is broken, with the first element that breaks it."""
    if page.evaluate(LOAD):
        page.evaluate(script())
    found: list[dict[str, Any]] = page.evaluate(RUN)["violations"]
    return [
        f"{each['id']}: {each['help']} ({len(each['nodes'])} times, first at {' '.join(each['nodes'][0]['target'])}: "
        f"{each['nodes'][0]['html'][:200]})"
        for each in found
        if each["impact"] in GRAVE
    ]


@cache
def script() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
