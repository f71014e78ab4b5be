"""The console by keyboard: keys that lead to pages, the jump box, and everything without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import Served

pytestmark = pytest.mark.e2e


def test_slash_jumps_to_what_is_typed(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/1")


def test_on_a_phone_slash_opens_the_page_of_the_box(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/")
    page.keyboard.press("/")
    page.wait_for_url("**/jump")
    page.locator("#again").fill("user_stats")
    page.keyboard.press("Enter")
    page.locator("main").get_by_role("link", name="user_stats").last.click()
    page.wait_for_url("**/read-models/user_stats")


def test_g_and_a_letter_open_a_page(page: Page) -> None:
    page.goto("/")
    page.clock.set_fixed_time("2026-11-22")  # the letter counts for a second and a half, however slow the machine is
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/projections")


def test_a_key_typed_into_a_field_is_text(page: Page) -> None:
    page.goto("/events")
    field = page.locator("input[name=stream]")
    field.focus()
    page.keyboard.type("gp/?")
    assert field.input_value() == "gp/?"
    assert page.url.endswith("/events")
    assert page.locator("dialog[open]").count() == 0


def test_question_mark_lists_the_keys_and_escape_leaves_them(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()


def test_keys_can_be_switched_off_for_good(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    page.get_by_label("Keys work").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    for key in ("g", "p", "?"):
        page.keyboard.press(key)
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("location.pathname") == "/"
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Keys work").check()
    page.keyboard.press("Escape")
    page.locator("body").evaluate("body => document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()


def test_a_menu_opens_and_closes_by_keys(page: Page) -> None:
    page.goto("/events")
    menu = page.locator("summary", has_text="Export")
    menu.focus()
    page.keyboard.press("Enter")
    csv = page.get_by_role("link", name="CSV")
    assert csv.is_visible()
    page.keyboard.press("Escape")
    assert not csv.is_visible()
    assert menu.evaluate("summary => document.activeElement === summary")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Events").click()
    assert not csv.is_visible()


def test_without_a_script_a_menu_opens_all_the_same(browser: Browser, served: Served, cookies: list[object]) -> None:
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/streams")
    page.locator("summary", has_text="Export").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("link", name="JSON").get_attribute("href") == "/api/streams"
    context.close()


def test_without_a_script_the_box_is_a_form(browser: Browser, served: Served, cookies: list[object]) -> None:
    context = browser.new_context(base_url=served.address, java_script_enabled=False)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Jump to a stream").fill("2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/2")
    context.close()
