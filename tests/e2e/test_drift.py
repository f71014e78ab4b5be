"""Drift as an operator meets it: something else writes a row, a check finds it, events explain it, a repair ends it."""

from __future__ import annotations

import re
import sqlite3

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import UNHURRIED, Served
from tests.e2e.read_again import read_again_until
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

#: Milliseconds: pages ask every two seconds, checks wait their turn, and the machine may be busy.
PATIENCE = 60_000


def spoil(served: Served, column: str, value: object, place: int) -> str:
    """As a script of somebody else would, past the projection; the key of the row."""
    database = sqlite3.connect(served.instance / "projectionist.db", timeout=30)
    (table,) = database.execute(
        "SELECT max(name) FROM sqlite_master WHERE type = 'table' AND name LIKE 'user\\_stats\\_\\_g%' ESCAPE '\\'"
    ).fetchone()
    (key,) = database.execute(f"SELECT user_id FROM {table} ORDER BY user_id LIMIT 1 OFFSET {place:d}").fetchone()
    with database:
        database.execute(f"UPDATE {table} SET {column} = ? WHERE user_id = ?", (value, key))
    database.close()
    return str(key)


def run_the_check(page: Page) -> None:
    """By the schedule, as it would run by itself, to its end: while it runs, another one is refused."""
    page.goto("/schedules/check-user_stats-full")
    page.get_by_role("button", name=re.compile("^Run now")).click()
    operation = page.locator("#toasts").get_by_role("link", name="See how it goes").get_attribute("href")

    def over() -> bool:
        page.goto(operation or "/operations")
        return "succeeded" in page.locator(".page-head .badge").inner_text()

    wait_until(over, 60, every=UNHURRIED)


def found(page: Page, words: str) -> None:
    """Read the drift page until it says so: checks of schedules and of others may be going on."""

    def is_said() -> bool:
        page.goto("/drift")
        return words in page.locator("#drift-user_stats").inner_text()

    wait_until(is_said, 60, every=UNHURRIED)


def test_a_row_that_something_else_wrote_is_found_explained_and_repaired(page: Page, served: Served) -> None:
    key = spoil(served, "total_spent", 1.25, 3)
    run_the_check(page)
    found(page, "1 row drifted")

    page.goto("/")
    expect(page.locator("#nav")).to_contain_text("1 row")
    expect(page.locator(".verdict")).to_contain_text(re.compile("user_stats has drifted"))
    page.get_by_role("link", name=re.compile("^Review 1 row")).click()
    # All rows, or the one row that was written: at some minutes another schedule looks at what has changed.
    said = re.compile(
        r"1 of ([\d,]+ rows of user_stats differs from their|1 row of user_stats differs from its) events"
    )
    expect(page.locator("h1")).to_contain_text(said)
    expect(page.locator(".findings .old")).to_have_text("1.25")

    page.locator(f".findings a[title='{key}']").click()
    expect(page.locator(".verdict")).to_contain_text("1 of 6 columns is not what the events imply")
    expect(page.locator(".explain li").first).to_contain_text("order_count")
    page.get_by_role("link", name="Oldest first").click()
    expect(page.locator(".explain li").first).to_contain_text("inserted")
    page.locator(".explain a").first.click()
    expect(page.get_by_role("heading", name="Rows it touches")).to_be_visible()
    page.go_back()
    page.go_back()
    page.go_back()

    expect(page.get_by_role("button", name="Repair selected")).to_be_visible()
    page.locator(".findings input[type=checkbox]").check()
    expect(page.get_by_role("button", name="Repair 1 selected")).to_be_visible()
    page.get_by_role("button", name="Preview first").click()
    expect(page.locator("h1")).to_have_text("Repair 1 row of user_stats?")
    expect(page.locator("main")).to_contain_text("Nothing was written.")
    page.get_by_label(re.compile("Reason")).fill("somebody ran a script")
    page.get_by_role("button", name="Repair 1 row").click()
    expect(page.locator(".page-head .badge")).to_contain_text("succeeded", timeout=PATIENCE)

    page.goto(f"/read-models/user_stats/rows/{key}")
    expect(page.locator(".verdict")).to_contain_text("The stored row is exactly what its events imply")
    page.goto("/audit?action=repair-rows")
    expect(page.locator("main")).to_contain_text("somebody ran a script")
    run_the_check(page)
    found(page, "no drift")
    page.goto("/")
    expect(page.locator("#nav")).not_to_contain_text("1 row")


def test_the_same_without_a_script(browser: Browser, served: Served, cookies: list[object]) -> None:
    spoil(served, "name", "Mallory", 5)
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    run_the_check(page)
    found(page, "1 row drifted")
    page.locator("#drift-user_stats").get_by_role("link", name="1 row drifted").click()
    assert "Mallory" in page.locator(".findings .old").inner_text()
    page.locator(".findings input[type=checkbox]").check()
    page.get_by_role("button", name="Repair selected").click()
    read_again_until(page, "succeeded")
    found(page, "repaired")
    context.close()


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_the_pages_of_a_check_fit_every_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    run_the_check(page)
    page.goto("/drift")
    check = page.locator(".ledger a").first.get_attribute("href")
    for path in ("/drift", check or "/drift", "/read-models/user_stats?sort=-order_count"):
        page.goto(path)
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"
    page.locator("tbody a").first.click()
    expect(page.locator(".explain")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"a row at {width}"
