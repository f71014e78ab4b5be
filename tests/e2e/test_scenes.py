"""Every page in every state a console can be in: it fits, everybody can use it, nothing complains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import scenes
from tests.e2e.axe import grave_faults
from tests.e2e.conftest import open_page
from tests.e2e.scenes import SCENES, Scene

pytestmark = pytest.mark.e2e

#: What changes most with the state of things.
TELLING = ("/", "/projections", "/projections/accounts", "/events?open=2", "/system")
SCREENS = ((1440, "light"), (390, "dark"))
#: The browser itself reports answers that are errors.
REPORTED = "Failed to load resource"

#: Those that show most; the others are looked at by `make test-faults`, on every page.
SHOWN = ("empty", "failed", "drifted", "away")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if name in SHOWN else pytest.mark.faults) for name in SCENES if name != "attacked"
    ],
)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scenes.served(request.param, tmp_path_factory.mktemp(request.param)) as served:
        yield served


@pytest.fixture
def scene_page(browser: Browser, scene: Scene, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=scene.address)
    page = open_page(context, complaints)
    page.goto(scene.link())
    yield page
    context.close()
    assert [each for each in complaints if REPORTED not in each] == []


def look_at(page: Page, address: str, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    answer = page.goto(address)
    assert answer is not None
    assert answer.status in (200, 409, 503), f"{address} answers {answer.status}"
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{address} scrolls sideways at {width}"
    assert grave_faults(page) == [], f"{address} at {width}, {scheme}"
    assert page.locator("h1").count() == 1, address
    assert page.title().endswith("Projectionist"), address


def test_the_telling_pages(scene_page: Page, scene: Scene) -> None:
    for number, address in enumerate(TELLING):
        look_at(scene_page, address, *SCREENS[number % 2])


@pytest.mark.faults
def test_every_page(scene_page: Page, scene: Scene) -> None:
    for address in scene.pages:
        for screen in SCREENS:
            look_at(scene_page, address, *screen)


def test_what_nobody_could_use_is_found(page: Page) -> None:
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><input><p style='color:#ccc'>pale</p></main>")
    assert {fault.partition(":")[0] for fault in grave_faults(page)} == {"label", "color-contrast"}
