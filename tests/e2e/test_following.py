"""A page drawn anew under the hands of who uses it: caret, ticks, what is open and selected; the same after Back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.ledger import deposit
from tests.e2e import scenes
from tests.e2e.conftest import open_page
from tests.e2e.scenes import Scene

pytestmark = pytest.mark.e2e

REFRESH = "htmx.trigger(document.body, 'refresh-page')"
#: Milliseconds: between two reads lie five seconds, and the machine may be busy.
PATIENCE = 30_000


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scenes.served("calm", tmp_path_factory.mktemp("live")) as served:
        yield served


@pytest.fixture
def desk(browser: Browser, scene: Scene, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=scene.address, viewport={"width": 1280, "height": 500})
    page = open_page(context, complaints)
    page.goto(scene.link())
    yield page
    context.close()
    assert complaints == []


def refresh(page: Page, scene: Scene, times: int = 2) -> None:
    """The log grows, and the page is drawn anew around whoever uses it, whatever they do."""
    for _ in range(times):
        before = page.locator("#pulse").get_attribute("data-head")
        deposit(scene.runtime, "1", "7")
        scene.runtime.projections.catch_up()
        page.evaluate(REFRESH)
        expect(page.locator("#pulse")).not_to_have_attribute("data-head", before or "", timeout=PATIENCE)


def test_what_is_typed_and_where_the_caret_stands(desk: Page, scene: Scene) -> None:
    desk.goto("/events")
    field = desk.locator("input[name=stream]")
    field.fill("account-12")
    field.evaluate("field => field.setSelectionRange(3, 7)")
    refresh(desk, scene)
    expect(field).to_be_focused()
    assert field.input_value() == "account-12"
    assert field.evaluate("field => [field.selectionStart, field.selectionEnd]") == [3, 7]


def test_ticks_open_details_and_places_scrolled_to(desk: Page, scene: Scene) -> None:
    desk.goto("/events")
    desk.locator("details.picker summary").click()
    box = desk.locator("details.picker input[type=checkbox]").first
    if box.count():
        box.check()
    desk.evaluate("window.scrollTo(0, 300)")
    scrolled = desk.evaluate("window.scrollY")
    assert scrolled > 100
    refresh(desk, scene)
    assert desk.locator("details.picker").evaluate("details => details.open")
    if box.count():
        expect(box).to_be_checked()
    assert abs(desk.evaluate("window.scrollY") - scrolled) < 5


def test_the_button_that_has_the_focus(desk: Page, scene: Scene) -> None:
    desk.goto("/projections")
    pause = desk.get_by_role("button", name="Pause", exact=True).first
    pause.focus()
    refresh(desk, scene)
    expect(pause).to_be_focused()


def test_a_text_that_is_selected(desk: Page, scene: Scene) -> None:
    desk.goto("/events/1")
    if desk.locator("#live[hx-get]").count() == 0:
        desk.goto("/projections/accounts")
    desk.locator("h1").evaluate("title => getSelection().selectAllChildren(title)")
    selected = desk.evaluate("getSelection().toString()")
    assert selected
    refresh(desk, scene)
    assert desk.evaluate("getSelection().toString()") == selected


def test_back_gives_what_was_there(desk: Page, scene: Scene) -> None:
    desk.goto("/events?type=Deposited&stream=account-7")
    rows = desk.locator("main tbody tr").count()
    address, first = desk.url, desk.locator("main tbody tr").last.inner_text()
    desk.locator("main tbody a").first.click()
    desk.wait_for_url("**open=*")
    desk.go_back()
    assert desk.url == address
    assert desk.locator("input[name=stream]").input_value() == "account-7"
    assert desk.locator("main tbody tr").count() == rows
    assert desk.locator("main tbody tr").last.inner_text() == first
    desk.go_forward()
    desk.wait_for_url("**open=*")
    expect(desk.locator("h1")).to_have_count(1)
