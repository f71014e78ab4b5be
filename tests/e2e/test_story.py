"""What people do, as they do it: sign in, send a command, make a mistake, pause and resume, sign out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Served

pytestmark = pytest.mark.e2e


def test_a_link_signs_in_once(browser: Browser, served: Served) -> None:
    link = served.fresh_link("ines", "viewer")
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    assert page.url == f"{served.address}/"
    expect(page.get_by_role("banner")).to_contain_text("ines")
    again = browser.new_context().new_page()
    again.goto(link)
    assert "/sign-in" in again.url
    expect(again.locator("main")).to_contain_text(re.compile("link", re.IGNORECASE))
    again.context.close()
    context.close()


def test_a_viewer_sees_no_buttons_that_would_be_refused(browser: Browser, served: Served) -> None:
    context = browser.new_context(base_url=served.address)
    page = context.new_page()
    page.goto(served.fresh_link("victor", "viewer"))
    page.goto("/projections/user_stats")
    expect(page.get_by_role("button", name=re.compile("^Pause"))).to_have_count(0)
    context.close()


def test_a_command_is_refused_with_every_fault_then_sent(page: Page, complaints: list[str]) -> None:
    page.goto("/commands/CreateUser")
    page.get_by_label("name", exact=False).first.fill("Ada Lovelace")
    page.locator("input[name=email]").fill("not an address")
    page.locator("input[name=password]").fill("short")
    page.get_by_role("button", name="Send CreateUser").click()
    expect(page.locator("[aria-invalid=true]")).to_have_count(2)
    assert page.locator("input[name=email]").input_value() == "not an address"
    assert page.locator("input[name=password]").input_value() == ""
    complaints.clear()  # the browser itself reports the 422
    page.locator("input[name=email]").fill("ada.story@example.org")
    page.locator("input[name=password]").fill("long enough")
    page.get_by_role("button", name="Send CreateUser").click()
    expect(page.locator("main")).to_contain_text("UserCreated")


def test_a_dry_run_records_nothing(page: Page) -> None:
    page.goto("/commands/CreateUser")
    head = page.locator(".pulse b").inner_text()
    page.locator("input[name=name]").fill("Dry Run")
    page.locator("input[name=email]").fill("dry.run@example.org")
    page.locator("input[name=password]").fill("long enough")
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("main")).to_contain_text("UserCreated")
    page.goto("/")
    assert page.locator(".pulse b").inner_text() == head


def test_pausing_is_told_everywhere_and_undone_by_one_click(page: Page) -> None:
    page.goto("/projections/orders")
    page.get_by_label(re.compile("Reason")).fill("deploying a fix")
    page.get_by_role("button", name="Pause orders").click()
    expect(page.locator("main")).to_contain_text("deploying a fix")
    page.goto("/")
    expect(page.locator("main")).to_contain_text(re.compile("orders.*paused"))
    page.goto("/projections/orders")
    page.get_by_role("button", name=re.compile("^Resume")).first.click()
    expect(page.locator(".status, .badge").first).to_contain_text(re.compile("running|catching up"))
    page.goto("/audit")
    expect(page.locator("main")).to_contain_text("deploying a fix")


def test_the_theme_is_remembered(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    page.goto("/events")
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    page.get_by_role("button", name="Auto").click()


def test_signing_out_ends_the_session(browser: Browser, served: Served) -> None:
    context = browser.new_context(base_url=served.address)
    page = context.new_page()
    page.goto(served.fresh_link("otto", "operator"))
    page.get_by_role("button", name="Sign out").click()
    page.goto("/events")
    assert "/sign-in" in page.url
    context.close()
