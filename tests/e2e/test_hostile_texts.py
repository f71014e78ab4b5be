"""Hostile texts in a real browser: nothing runs, nothing leaves the page or its edges, and the policy has no work."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import hostile_history, route_walk
from tests.e2e import scenes
from tests.e2e.conftest import open_page
from tests.e2e.scenes import Scene
from tests.e2e.test_scenes import REPORTED
from tests.hostile_texts import HOSTILE_TEXTS

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
#: What a text would have had to do to be there.
FOREIGN = "main :is(script, img, iframe, style, base, math, object, embed, svg script, [onload], [onerror], [style])"
#: One event of each of these kinds of text is opened even in a hurry.
OPENED = (
    "script",
    "image after a quote",
    "style attribute",
    "htmx element",
    "override left open",
    "one long word",
    "wide marks without a letter",
)
FIELDS = ("q", "text", "prefix", "owner", "actor")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scenes.served("attacked", tmp_path_factory.mktemp("attacked")) as served:
        yield served


@pytest.fixture
def phone(browser: Browser, scene: Scene, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=scene.address, viewport=PHONE)
    page = open_page(context, complaints)
    page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
    page.on("request", lambda asked: complaints.append(asked.url) if not asked.url.startswith(scene.address) else None)
    page.goto(scene.link())
    yield page
    context.close()
    assert [each for each in complaints if REPORTED not in each] == []


def withstands(page: Page, address: str) -> None:
    answer = page.goto(address)
    assert answer is not None
    assert answer.status in (200, 404, 409, 422), (answer.status, address)
    assert page.evaluate("window.hacked") is None, address
    assert page.locator(FOREIGN).count() == 0, address
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], f"{address} scrolls sideways"
    assert page.locator("main h1").is_visible(), address


def of_event(name: str, *, odd: bool) -> int:
    """The accounts of the scene come before those of the history, one event of each kind for every text."""
    return 2 * scenes.ACCOUNTS + 2 * list(HOSTILE_TEXTS).index(name) + 1 + odd


def test_lists_and_what_failed(phone: Page) -> None:
    for address in ("/", "/projections/accounts", "/events?limit=200", "/streams", "/read-models/accounts", "/audit"):
        withstands(phone, address)


def test_events_of_the_worst_kinds(phone: Page) -> None:
    for name in OPENED:
        withstands(phone, f"/events/{of_event(name, odd=True)}")
        withstands(phone, f"/events?limit=5&open={of_event(name, odd=True)}")


def test_texts_in_the_address(phone: Page) -> None:
    for number, text in enumerate(HOSTILE_TEXTS.values()):
        sent = quote(text, errors="surrogatepass")
        if number % 7 == 0:
            withstands(phone, f"/events?stream={sent}&text={sent}")
        if number % 7 == 3 and text.strip("."):
            withstands(phone, f"/read-models/accounts/rows/{sent.replace('~', '~0').replace('/', '~1')}")


@pytest.mark.parametrize("name", [".", ".."])
def test_a_stream_of_dots_has_an_address_that_a_browser_keeps(phone: Page, scene: Scene, name: str) -> None:
    facts = {"account_id": "0", "amount": "1.00"}
    scene.runtime.events.append(name, [hostile_history.event(f"dots {name}", "Deposited", facts, scenes.ANA)])
    withstands(phone, f"/events?stream={name}")
    phone.locator("tbody td.value a").first.click()
    assert phone.url.endswith(f"/streams/~2{name[1:]}?at=1")
    expect(phone.locator("main h1")).to_have_text(name)


def test_a_row_of_dots_as_well(phone: Page) -> None:
    withstands(phone, "/read-models/accounts?account_id=..")
    phone.locator(".records tbody a").first.click()
    assert phone.url.endswith("/read-models/accounts/rows/~2.")
    expect(phone.locator("main h1")).to_contain_text("..")


def test_a_text_is_typed_and_comes_back(phone: Page) -> None:
    phone.goto("/commands/OpenAccount")
    text = HOSTILE_TEXTS["image after a quote"]
    phone.locator("[name=account_id]").fill(text * 3)
    phone.locator("[name=owner]").fill(text)
    phone.locator("main form button").last.click()
    assert phone.locator("[name=account_id]").input_value() == text * 3
    assert phone.locator("[name=owner]").input_value() == text
    assert phone.evaluate("window.hacked") is None


@pytest.mark.faults
def test_every_page_of_every_text(phone: Page, scene: Scene) -> None:
    for address in route_walk.pages(scene.app, scene.runtime):
        withstands(phone, address)
    for text in HOSTILE_TEXTS.values():
        sent = quote(text, errors="surrogatepass")
        for path in ("/events", "/streams", "/read-models/accounts", "/audit", "/jump", "/operations"):
            withstands(phone, f"{path}?" + "&".join(f"{name}={sent}" for name in FIELDS))
