"""Schedules in a real browser: changed, paused and run without a script; fit for everybody with runs to show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import grave_faults
from tests.e2e.conftest import UNHURRIED, Served
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

CHECK = "/schedules/check-orders-full"


@pytest.fixture
def plain(browser: Browser, served: Served, cookies: list[object]) -> Iterator[Page]:
    """A browser that runs no script."""
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def test_without_a_script_a_schedule_is_changed_after_a_look_at_what_it_would_mean(plain: Page) -> None:
    plain.goto(CHECK)
    plain.get_by_label("By a cron").check()
    plain.locator("#cron").fill("0 2 31 2 *")
    plain.get_by_role("button", name="Save when it runs").click()
    expect(plain.locator("#summary")).to_contain_text("This never happens")
    plain.locator("#cron").fill("30 4 * * mon-fri")
    plain.locator("#zone").fill("Europe/Berlin")
    plain.get_by_role("button", name="Show the next times").click()
    expect(plain.locator("#proposal")).to_contain_text("It would run every weekday at 04:30 Europe/Berlin.")
    plain.get_by_role("button", name="Save when it runs").click()
    expect(plain.locator("#toasts")).to_contain_text("now runs every weekday at 04:30 Europe/Berlin.")
    plain.get_by_role("button", name="Pause").click()
    expect(plain.locator("#toasts")).to_contain_text("is paused.")
    expect(plain.locator("main")).to_contain_text("Nothing is due while it is paused.")
    plain.locator("main").get_by_role("button", name="Resume").click()
    expect(plain.locator("#toasts")).to_contain_text("runs again, from its next due time on.")


def test_a_job_that_is_run_now_is_done_by_the_scheduler_within_seconds(page: Page) -> None:
    page.goto("/schedules/prune")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#toasts")).to_contain_text("was asked for. Its due times stay as they are.")

    def done() -> bool:
        page.goto("/schedules/prune")
        return "removed" in page.locator("section[aria-labelledby=runs]").inner_text()

    wait_until(done, 60, every=UNHURRIED)


def test_with_runs_to_show_everybody_can_use_the_pages(page: Page) -> None:
    page.goto(CHECK)
    page.get_by_role("button", name="Run now").click()
    for address in ("/schedules", CHECK, "/schedules/sample"):
        for width, scheme in ((1440, "light"), (390, "dark")):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(address)
            assert grave_faults(page) == [], f"{address} at {width}, {scheme}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
