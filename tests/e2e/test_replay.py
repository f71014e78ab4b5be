"""A replay as an operator does it: one click, watched to its end, rolled back, reviewed, cancelled; also on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Served
from tests.e2e.read_again import read_again_until

pytestmark = pytest.mark.e2e

#: Milliseconds: the page asks every two seconds, and the machine may be busy.
PATIENCE = 30_000


def badge(page: Page, word: str) -> None:
    expect(page.locator(".page-head .badge")).to_contain_text(word, timeout=PATIENCE)


def start_with_review(page: Page, projection: str) -> None:
    page.goto(f"/projections/{projection}/replay")
    page.get_by_role("radio", name=re.compile("After your review")).check()
    page.get_by_label(re.compile("Reason")).fill("discounts were counted twice")
    page.get_by_role("button", name=re.compile("^Replay into generation")).click()
    badge(page, "waiting")


def test_one_click_replays_and_the_page_follows_to_the_end_and_back(page: Page) -> None:
    page.goto("/projections")
    page.locator("#projection-orders").get_by_role("button", name="Replay", exact=True).click()
    assert "/operations/" in page.url
    badge(page, "succeeded")
    expect(page.locator("main")).to_contain_text(re.compile(r"Readers were given generation \d+, as of position"))
    page.get_by_role("button", name=re.compile("^Roll back to generation")).click()
    badge(page, "succeeded")
    expect(page.locator("h1")).to_have_text("Roll back of orders")
    page.goto("/projections/orders")
    expect(page.locator("main")).to_contain_text("Roll back of orders")


def test_a_review_is_asked_for_and_given_while_the_page_keeps_asking(page: Page) -> None:
    start_with_review(page, "users")
    page.goto("/")
    page.get_by_role("link", name=re.compile("^Review it")).click()
    swap = page.get_by_role("button", name=re.compile("^Swap in generation"))
    swap.focus()
    with page.expect_response(lambda answer: "/operations/" in answer.url):
        pass  # the page asked again
    expect(swap).to_be_focused()
    swap.click()
    badge(page, "succeeded")
    page.goto("/audit")
    expect(page.locator("main")).to_contain_text("discounts were counted twice")


def test_a_cancelled_replay_leaves_readers_where_they_were(page: Page) -> None:
    start_with_review(page, "user_stats")
    page.goto("/projections/user_stats")
    expect(page.locator("main")).to_contain_text("waits for your review")
    page.get_by_role("link", name="Watch the replay").click()
    page.get_by_role("button", name="Cancel replay").click()
    badge(page, "cancelled")
    expect(page.locator(".lede")).to_contain_text(re.compile(r"Readers stayed on generation \d+\."))
    expect(page.get_by_role("button", name="Cancel replay")).to_have_count(0)


def test_without_script_the_page_is_read_again_by_a_link(
    browser: Browser, served: Served, cookies: list[object]
) -> None:
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    start = page.goto("/projections/daily_sales/replay")
    assert start is not None
    page.get_by_label("After your review").check()
    page.get_by_role("button", name=re.compile("^Replay into generation")).click()
    read_again_until(page, "waiting")
    page.get_by_role("button", name=re.compile("^Swap in generation")).click()
    read_again_until(page, "succeeded")
    context.close()


def test_the_toast_of_a_pause_takes_it_back(page: Page) -> None:
    page.goto("/projections")
    page.locator("#projection-users").get_by_role("button", name="Pause").click()
    page.locator("#toasts").get_by_role("button", name="Resume").click()
    expect(page.locator("#toasts")).to_contain_text("users is resumed.")
    assert page.url.endswith("/projections")


@pytest.mark.parametrize("width", [1440, 768, 390])
def test_the_pages_of_an_operation_fit_every_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/operations")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    newest = page.locator("tbody a").first
    if newest.count():
        newest.click()
        badge(page, "")
    for path in (page.url, "/operations?kind=replay", "/projections/users/replay", "/projections/users/parked"):
        page.goto(path)
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"
