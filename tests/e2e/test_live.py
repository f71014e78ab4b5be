"""Pages that follow the log: what somebody is in the middle of stays, and an answer that fails changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from playwright.sync_api import Page, Route

from tests.e2e.conftest import Served

pytestmark = pytest.mark.e2e

_numbers = count(1)

Happen = Callable[[Page], None]


@pytest.fixture(autouse=True)
def clock(page: Page) -> None:
    """Time passes as ever, but may be put forward: nobody has to wait for the next time the page is read."""
    page.clock.install()


@pytest.fixture
def happen(served: Served) -> Happen:
    """Records an event while a page is open, and makes it time for the page to be read again."""

    def send(page: Page) -> None:
        token = page.locator("input[name=csrf_token]").first.get_attribute("value") or ""
        name = f"Live {next(_numbers)}"
        body = {"name": name, "email": f"{name.replace(' ', '-')}@example.org", "password": "long enough"}
        headers = {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin", "Origin": served.address}
        answer = page.request.post("/api/commands/CreateUser", data=body, headers=headers)
        assert answer.status == 201, answer.text()
        page.clock.fast_forward("00:06")

    return send


def head_of(page: Page) -> str:
    return page.locator("#pulse b").inner_text()


def wait_for_news(page: Page, before: str, where: str) -> None:
    """Until the page itself, not only its frame, was drawn again."""
    page.wait_for_function(
        "([where, before]) => document.querySelector(where)?.textContent.trim() !== before", arg=[where, before]
    )


def top_of(page: Page, where: str) -> float:
    found: float = page.locator(where).evaluate("element => element.getBoundingClientRect().top")
    return found


CHECKPOINT = "#live .figures > div:nth-child(4) dd"


def test_a_projection_keeps_scroll_focus_and_what_is_open(page: Page, happen: Happen) -> None:
    page.set_viewport_size({"width": 1000, "height": 500})
    page.goto("/projections/users")
    page.get_by_text("Show as table").click()
    page.locator("#live .page-head a.button").first.evaluate("link => link.focus({preventScroll: true})")
    page.locator("#generations").evaluate("heading => heading.scrollIntoView()")
    seen_at = top_of(page, "#generations")
    before = page.locator(CHECKPOINT).inner_text()
    happen(page)
    wait_for_news(page, before, CHECKPOINT)
    assert page.locator("#live details.fold").first.evaluate("details => details.open")
    assert page.evaluate("document.activeElement.textContent") == "Browse rows"
    assert top_of(page, "#generations") == pytest.approx(seen_at, abs=2)  # a row more above moved nothing


def test_a_reason_half_typed_keeps_its_text_and_its_caret(page: Page, happen: Happen) -> None:
    page.goto("/projections/users")
    field = page.locator("#live #reason")
    field.fill("release 7")
    field.evaluate("field => field.setSelectionRange(3, 3)")
    before = head_of(page)
    happen(page)
    wait_for_news(page, before, "#pulse b")
    assert field.input_value() == "release 7"
    assert field.evaluate("field => field.selectionStart") == 3
    assert page.evaluate("document.activeElement.id") == "reason"


def test_the_overview_keeps_focus_and_scroll(page: Page, happen: Happen) -> None:
    page.set_viewport_size({"width": 1000, "height": 400})
    page.goto("/")
    page.locator("#live a[href='/projections/users']").first.evaluate("link => link.focus({preventScroll: true})")
    page.evaluate("scrollTo(0, 300)")
    where = "#live .facts dd b"
    before = page.locator(where).first.inner_text()
    happen(page)
    wait_for_news(page, before, where)
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/projections/users"
    assert page.evaluate("scrollY") == 300


@pytest.mark.parametrize("path", ["/", "/projections/users", "/read-models/users"])
def test_an_answer_that_fails_leaves_the_page_as_it_is_and_says_so(
    page: Page, complaints: list[str], path: str
) -> None:
    def fail(route: Route) -> None:
        if route.request.headers.get("x-live"):
            route.fulfill(status=500, body="<h1>broken</h1>", content_type="text/html")
        else:
            route.continue_()

    page.goto(path)
    shown = page.locator("#live h1").inner_text()
    page.route("**/*", fail)
    page.clock.fast_forward("00:06")
    page.get_by_text("no answer, last read").wait_for()
    assert page.locator("#live h1").inner_text() == shown
    assert page.get_by_text("broken").count() == 0
    page.unroute("**/*")
    page.clock.fast_forward("01:00")  # it tries less often by and by
    page.get_by_text("no answer, last read").wait_for(state="detached")
    complaints.clear()  # the browser itself reports the 500


def test_back_gives_what_was_there(page: Page) -> None:
    page.goto("/read-models/user_stats?sort=-total_spent")
    rows = page.locator("#live tbody").first
    first = rows.inner_text()
    page.get_by_label("Column").select_option("order_count")
    page.get_by_label("Condition").select_option("to")
    page.locator("#value").fill("1")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**/read-models/user_stats?sort=-total_spent&order_count.to=1")
    assert rows.inner_text() != first
    page.go_back()
    page.wait_for_url("**/read-models/user_stats?sort=-total_spent")
    assert rows.inner_text() == first
