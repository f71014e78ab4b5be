"""Lists of events while the log grows: what somebody is doing stays, and so does what they are reading."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.conftest import Served

pytestmark = pytest.mark.e2e

numbers = itertools.count(1)

FIRST_ROW = "tbody tr:first-child td:first-child"


def something_happens(page: Page, served: Served) -> None:
    token = page.locator("input[name=csrf_token]").first.get_attribute("value") or ""
    body = {"name": "Live", "email": f"live-{next(numbers)}@events.example.org", "password": "long enough"}
    headers = {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin", "Origin": served.address}
    sent = page.request.post("/api/commands/CreateUser", data=body, headers=headers)
    assert sent.status == 201, sent.text()


def refresh(page: Page) -> None:
    """What the clock of the page does every few seconds, at once."""
    with page.expect_response(lambda answer: answer.request.headers.get("x-live") == "1"):
        page.evaluate("htmx.trigger(document.body, 'refresh-page')")


def position(page: Page, *, row: int) -> int:
    return int(page.locator(f"tbody tr:nth-child({row}) td:first-child").inner_text().replace(",", ""))


def newest(page: Page) -> int:
    return position(page, row=1)


def wait_for_newer(page: Page, before: int) -> None:
    page.wait_for_function(
        "([cell, before]) => Number(document.querySelector(cell).textContent.replaceAll(',', '')) > before",
        arg=[FIRST_ROW, before],
    )


def test_a_refresh_keeps_what_somebody_is_doing(page: Page, served: Served) -> None:
    page.goto("/events")
    before = newest(page)
    page.get_by_text("More filters").click()
    page.get_by_text("This list with curl").click()
    page.locator("details.picker summary").click()
    page.get_by_label("OrderPlaced").check()
    page.locator("#actor").fill("half typed")
    page.locator("#actor").evaluate("field => field.setSelectionRange(2, 4)")
    page.evaluate("scrollTo(0, 40)")
    something_happens(page, served)
    refresh(page)
    wait_for_newer(page, before)
    assert page.locator("#actor").input_value() == "half typed"
    assert page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == ["actor", 2]
    assert page.evaluate("document.activeElement.selectionEnd") == 4
    assert page.get_by_label("OrderPlaced").is_checked()
    folds = "[...document.querySelectorAll('main details:not(.menu)')].map(each => each.open)"
    assert page.evaluate(folds) == [True, True, True]
    assert page.evaluate("scrollY") == 40


def test_selected_text_stays_selected(page: Page, served: Served) -> None:
    page.goto("/events/1")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('main h1'))")
    said = page.evaluate("getSelection().toString()")
    something_happens(page, served)
    refresh(page)
    assert page.evaluate("getSelection().toString()") == said


def test_rows_under_the_pointer_do_not_move_and_what_is_held_back_is_counted(page: Page, served: Served) -> None:
    page.clock.install()
    page.goto("/events")
    before = newest(page)
    page.locator("tbody tr").nth(3).hover()
    something_happens(page, served)
    page.clock.fast_forward("00:06")
    note = page.locator("[data-held]")
    expect(note).to_have_text(
        re.compile("1 newer event is held back while the pointer is over the rows"), timeout=15_000
    )
    assert newest(page) == before
    page.get_by_role("button", name="Show them").click()
    wait_for_newer(page, before)


def test_an_event_opens_beside_the_list_which_keeps_its_place(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/events?type=UserCreated")
    row = page.locator("tbody tr").nth(30)
    row.locator("td:first-child a").click()
    expect(page.locator("#opened #payload")).to_be_visible()
    expect(row).to_be_in_viewport()
    expect(row).to_have_attribute("aria-current", "true")
    expect(page.locator("#opened h2")).to_be_in_viewport()
    before = newest(page)
    something_happens(page, served)
    expect(page.locator("[data-held]")).to_have_text(
        re.compile("1 newer event is held back while an event is open"), timeout=15_000
    )
    assert newest(page) == before
    page.get_by_role("button", name="Show them").click()
    wait_for_newer(page, before)
    expect(page.locator("#opened #payload")).to_be_visible()
    page.get_by_role("link", name="Close").click()
    expect(page.locator("#opened")).to_have_count(0)
    assert "open=" not in page.url


@pytest.mark.parametrize("width", [390, 768])
def test_an_event_stands_alone_where_there_is_no_room_beside(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/events?type=UserCreated")
    page.locator("tbody tr").nth(30).locator("td:first-child a").click()
    expect(page.locator("#opened h2")).to_be_in_viewport()
    expect(page.locator("tbody tr").first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Close").click()
    expect(page.locator("tbody tr").nth(30)).to_be_in_viewport()


def test_an_older_page_stays_and_says_what_is_new(page: Page, served: Served) -> None:
    page.clock.install()
    page.goto("/events?before=60&limit=20")
    rows = page.locator("tbody").inner_text()
    something_happens(page, served)
    page.clock.fast_forward("00:06")
    note = page.locator("[data-held]")
    expect(note).to_have_text(re.compile("1 newer event is not on this page"), timeout=15_000)
    assert page.locator("tbody").inner_text() == rows
    page.get_by_role("link", name="Show the newest").click()
    assert page.url.endswith("/events?limit=20")


@pytest.mark.parametrize("path", ["/events", "/events/1", "/event-types", "/streams"])
def test_a_read_that_fails_leaves_the_page_as_it_is(page: Page, complaints: list[str], path: str) -> None:
    def fail(route: Route) -> None:
        if route.request.headers.get("x-live") == "1":
            route.fulfill(status=500, body="<h1>It broke</h1>", content_type="text/html")
        else:
            route.continue_()

    page.goto(path)
    shown = page.locator("main .page").inner_text()
    page.route("**/*", fail)
    refresh(page)
    expect(page.locator("#read-age")).to_have_text(re.compile("^no answer, last read"))
    assert page.locator("main h1").inner_text() != "It broke"
    assert page.locator("main .page").inner_text().splitlines()[0] == shown.splitlines()[0]
    assert page.locator("main table, main .versions").count() > 0
    complaints.clear()  # the browser itself reports the 500


def test_back_gives_what_was_there(page: Page) -> None:
    page.goto("/events?type=OrderPlaced")
    first = page.locator("tbody").inner_text()
    page.get_by_role("link", name="Older").click()
    page.wait_for_load_state()
    second, address = page.locator("tbody").inner_text(), page.url
    assert second != first
    page.locator("tbody a").first.click()
    expect(page.locator("#payload")).to_be_visible()
    page.go_back()
    assert page.url == address
    assert page.locator("tbody").inner_text() == second
    page.go_back()
    assert page.url.endswith("/events?type=OrderPlaced")
    assert page.locator("tbody").inner_text() == first
    assert page.locator("input[name=type]:checked").evaluate_all("all => all.map(each => each.value)") == [
        "OrderPlaced"
    ]


def test_the_scrubber_leads_to_a_version(page: Page) -> None:
    page.goto("/events?type=UserUpdated&limit=1")
    page.locator("tbody td.value a").click()
    assert "at=" in page.url
    page.locator("input[type=range]").evaluate(
        "range => { range.value = 1; range.dispatchEvent(new Event('change', { bubbles: true })); }"
    )
    page.wait_for_url(re.compile(r"at=1$"))
    expect(page.locator("#state")).to_have_text("State at version 1")


def test_without_script_facets_positions_types_and_versions_work(
    browser: Browser, served: Served, cookies: list[object]
) -> None:
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/events")
    page.locator(".facets a", has_text="UserUpdated").click()
    assert page.url.endswith("/events?type=UserUpdated")
    fourth = position(page, row=4)
    page.get_by_text("More filters").click()
    page.locator("#position").fill(str(fourth))
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(re.compile(rf"before={fourth + 1}\b"))
    assert newest(page) == fourth
    page.locator("tbody td:first-child a").first.click()
    expect(page.locator("#opened #payload")).to_be_visible()
    page.get_by_role("link", name="Close").click()
    page.locator("tbody td.value a").first.click()
    page.get_by_role("button", name="Show").click()
    assert "at=" in page.url
    page.goto("/event-types")
    page.locator("tbody a", has_text="UserUpdated").click()
    expect(page.locator("h1")).to_have_text("UserUpdated")
    page.get_by_role("link", name="Open in events").click()
    assert page.url.endswith("/events?type=UserUpdated")
    context.close()
