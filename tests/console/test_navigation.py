"""The frame around every page."""

from __future__ import annotations

import pytest
from flask import Flask

from cqrs.errors import DatabaseUnavailable
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import Browser
from tests.console.ledger import links_of, open_account, text_of
from tests.console.statuses import failed

PAGES = (
    "/",
    "/projections",
    "/read-models",
    "/drift",
    "/events",
    "/streams",
    "/commands",
    "/operations",
    "/audit",
    "/system",
)


@pytest.mark.parametrize("path", PAGES)
def test_each_section_is_a_page_that_knows_where_it_is(ana: Browser, path: str) -> None:
    body = ana.get(path).get_data(as_text=True)
    assert body.count('aria-current="page"') == 2  # in the navigation and in the breadcrumb
    assert f'<a href="{path}" aria-current="page">' in body


@pytest.mark.parametrize("path", PAGES)
def test_each_page_has_the_marks_that_help_to_find_the_way(ana: Browser, path: str) -> None:
    body = ana.get(path).get_data(as_text=True)
    assert '<a class="skip" href="#live">' in body
    assert body.count("<h1") == 1
    assert 'aria-label="Breadcrumb"' in body
    assert 'lang="en"' in body
    assert body.count("aria-live") == 1


def test_the_head_is_the_one_of_the_log(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    assert "Head 1 read just now" in text_of(ana.get("/commands"))


def test_a_number_beside_a_section_asks_for_something(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.projections, "statuses", lambda **how: [failed("accounts")])
    assert "Projections 1 failed" in text_of(ana.get("/commands"))


def test_the_frame_stands_when_the_database_does_not(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(**how: object) -> int:
        raise DatabaseUnavailable(database="main.db", why="it is gone")

    monkeypatch.setattr(runtime.events, "safe_head", gone)
    monkeypatch.setattr(runtime.projections, "statuses", gone)
    page = ana.get("/events")
    assert page.status_code == 503
    words = text_of(page)
    assert "Head unknown could not be read" in words
    assert "The database main.db cannot be used: it is gone." in words
    assert "Try again" in words


def test_who_is_signed_in_is_said(ana: Browser) -> None:
    assert "ana operator Sign out" in text_of(ana.get("/"))


def test_a_program_with_a_token_is_offered_no_sign_out(app: Flask) -> None:
    from tests.console.browser import Script

    words = text_of(Script(app, Role.VIEWER).get("/events"))
    assert "viewer-script viewer" in words
    assert "Sign out" not in words


def test_the_theme_is_chosen_without_a_script_and_comes_back_to_the_page(ana: Browser) -> None:
    answer = ana.post("/theme", {"theme": "dark", "next": "/events?actor=ana"})
    assert answer.headers["Location"].endswith("/events?actor=ana")
    body = ana.get("/").get_data(as_text=True)
    assert 'data-theme="dark"' in body
    assert 'value="dark" aria-pressed="true"' in body


def test_production_looks_like_nothing_else(make_app: object, app: Flask) -> None:
    assert callable(make_app)
    quiet = Browser(app, "ana", Role.VIEWER).get("/").get_data(as_text=True)
    loud = Browser(make_app(ENVIRONMENT="production"), "ana", Role.VIEWER).get("/").get_data(as_text=True)
    assert "data-production" not in quiet
    assert "data-production" in loud


def test_a_toast_cannot_be_made_up(ana: Browser) -> None:
    ana.client.set_cookie("projectionist_toast", "eyJ0ZXh0IjoiaGFja2VkIn0.x.y")
    page = ana.get("/")
    assert page.status_code == 200
    assert "hacked" not in text_of(page)


def test_a_poll_leaves_the_toast_for_the_page(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    ana.post("/projections/accounts/pause")
    ana.get("/", headers={"HX-Request": "true", "X-Live": "1"})
    assert "accounts is paused." in text_of(ana.get("/"))


def test_errors_are_pages_too(ana: Browser, app: Flask) -> None:
    page = ana.get("/nope")
    assert "There is nothing at this address." in text_of(page)
    assert "/" in links_of(page)
    assert ana.get("/patterns").status_code == 404
    app.debug = True
    assert ana.get("/patterns").status_code == 200
