"""Every page in a real browser: it fits, it obeys its own policy, it has one heading,
everybody can use it, and it works without script."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import APIResponse, Browser, Page

from tests.e2e.axe import grave_faults
from tests.e2e.conftest import Served

pytestmark = pytest.mark.e2e

PAGES = (
    "/",
    "/projections",
    "/projections/user_stats",
    "/read-models",
    "/read-models/user_stats",
    "/read-models/user_stats?sort=-total_spent",
    "/drift",
    "/events",
    "/events?type=UserCreated&text=example",
    "/events?type=OrderPlaced&text=amount%3D12.50",
    "/events?before=100",
    "/events/1",
    "/event-types",
    "/event-types/UserCreated",
    "/streams",
    "/streams?category=user",
    "/commands",
    "/commands/CreateUser",
    "/commands/CancelOrder",
    "/schedules",
    "/schedules/check-user_stats-full",
    "/audit",
    "/system",
    "/jump?q=user_stats",
    "/no-such-page",
)


#: Links of charts are links of SVG, whose `href` is no text.
HREFS = "found => found.map(a => new URL(a.getAttribute('href'), location).href)"

#: The wide screen light, the phone dark, one in between: each colour and each layout once a page.
SCREENS = ((1440, "light"), (768, "light"), (390, "dark"))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_every_screen(page: Page, complaints: list[str], path: str) -> None:
    for width, scheme in SCREENS:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == (404 if path == "/no-such-page" else 200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"sideways scroll at {width}"
        assert width == 768 or grave_faults(page) == []
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.title().endswith("Projectionist")
    if path == "/no-such-page":
        complaints.clear()  # the browser itself reports the 404


def read(page: Page, link: str) -> APIResponse:
    """As a program does that is told when it asks too often: a quick machine does."""
    answer = page.request.get(link)
    while answer.status == 429:
        threading.Event().wait(float(answer.headers["retry-after"]))
        answer = page.request.get(link)
    return answer


def test_every_link_leads_somewhere(page: Page, served: Served) -> None:
    """A handful of each page: lists repeat themselves."""
    seen: set[str] = set()
    for path in PAGES[:-1]:
        page.goto(path)
        links = page.locator("a[href]").evaluate_all(HREFS)
        new = [link.split("#")[0] for link in links if link.startswith(served.address)]
        for link in [link for link in dict.fromkeys(new) if link not in seen][:8]:
            seen.add(link)
            answer = read(page, link)
            assert answer.status == 200, f"{link} on {path} answers {answer.status}"
    assert len(seen) > 40


def test_without_script_lists_filter_and_pages_turn(browser: Browser, served: Served, cookies: list[object]) -> None:
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/events?type=UserCreated")
    first = page.locator("main").inner_text()
    assert "UserCreated" in first
    assert "OrderPlaced v1" not in first
    page.get_by_role("link", name="Older").first.click()
    assert "type=UserCreated" in page.url
    assert page.locator("main").inner_text() != first
    context.close()


def test_the_first_tab_stop_skips_to_the_content(page: Page) -> None:
    page.goto("/projections")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector(location.hash).closest('main') !== null")


def test_a_page_follows_the_log_and_keeps_what_is_being_typed(page: Page, served: Served) -> None:
    page.goto("/events")
    before = page.locator(".pulse b").inner_text()
    page.locator("input[name=stream]").fill("order-half-typed")
    body = {"name": "Live Test", "email": "live-test@example.org", "password": "long enough"}
    token = page.locator("input[name=csrf_token]").first.get_attribute("value") or ""
    sent = page.request.post(
        "/api/commands/CreateUser",
        data=body,
        headers={"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin", "Origin": served.address},
    )
    assert sent.status == 201, sent.text()
    page.wait_for_function("before => document.querySelector('.pulse b').textContent !== before", arg=before)
    assert page.locator("input[name=stream]").input_value() == "order-half-typed"
