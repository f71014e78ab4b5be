"""Pages that nobody refreshes, read again and again by their link."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.e2e.conftest import UNHURRIED
from tests.waiting import wait_until


def read_again_until(page: Page, word: str) -> None:
    """Until the badge of an operation says so."""

    def is_there() -> bool:
        found = word in page.locator(".page-head .badge").inner_text()
        if not found:
            page.get_by_role("link", name="Read again").click()
        return found

    wait_until(is_there, 60, every=UNHURRIED)
