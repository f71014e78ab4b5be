"""Every link leads somewhere and every form does what it says, for a browser that runs no script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests import route_walk
from tests.console.browser import SAME_SITE, Browser
from tests.console.ledger import deposit, open_account
from tests.console.work import carry_out


@dataclass(slots=True)
class Form:
    action: str
    method: str
    #: What is sent along whatever is clicked.
    fields: list[tuple[str, str]] = field(default_factory=list)
    #: Names and values of the buttons that send it.
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def sent(self, button: tuple[str, str]) -> list[tuple[str, str]]:
        return self.fields + ([button] if button[0] else [])


class Controls(HTMLParser):
    """Links and forms of a page as a browser without script offers them: what is hidden is not there."""

    def __init__(self, address: str, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        #: Buttons that do nothing without a script.
        self.dead: list[str] = []
        self._address = address
        self._open: list[tuple[str, bool]] = []
        self._form: Form | None = None
        self._select: str | None = None
        self.feed(page)

    @property
    def _hidden(self) -> bool:
        return any(hidden for _, hidden in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in ("input", "link", "meta", "br", "hr", "img"):
            closed = tag == "dialog" and "open" not in given
            self._open.append((tag, "hidden" in given or closed))
        if self._hidden:
            return
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self._address, given["href"]).partition("#")[0])
        elif tag == "form":
            method = given.get("method", "get").lower()
            self._form = Form(urljoin(self._address, given.get("action") or self._address), method)
            self.forms.append(self._form)
        elif tag == "button":
            self._button(given)
        elif self._form is not None:
            self._control(tag, given)

    def _button(self, given: dict[str, str]) -> None:
        kind = given.get("type", "submit")
        if kind == "submit" and self._form is not None and "disabled" not in given:
            self._form.buttons.append((given.get("name", ""), given.get("value", "")))
        elif "disabled" not in given and "commandfor" not in given and "popovertarget" not in given:
            self.dead.append(str(given))

    def _control(self, tag: str, given: dict[str, str]) -> None:
        assert self._form is not None
        name = given.get("name", "")
        if tag == "select":
            self._select = name
            self._form.fields.append((name, ""))
        elif tag == "option" and self._select is not None:
            first = self._form.fields[-1] == (self._select, "")
            if "selected" in given or first:
                self._form.fields[-1] = (self._select, given.get("value", ""))
        elif tag == "textarea":
            self._form.fields.append((name, ""))
        elif tag == "input" and name and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self._form.fields.append((name, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "form":
            self._form = None
        if tag == "select":
            self._select = None


@pytest.fixture
def busy(runtime: Runtime) -> Runtime:
    """With rows, a row that differs, an operation that was carried out, and one that waits."""
    for account in ("1", "2", "a/b"):
        open_account(runtime, account)
        deposit(runtime, "2.50", account)
    runtime.projections.catch_up()
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 9 WHERE account_id = '1'")
    runtime.start_check("accounts", actor="ana")
    carry_out(runtime)
    runtime.start_replay("accounts", actor="ana", review=True)
    return runtime


@pytest.fixture
def ana(app: Flask, busy: Runtime) -> Browser:
    return Browser(app, "ana", Role.OPERATOR)


def controls(app: Flask, busy: Runtime, ana: Browser) -> Iterator[tuple[str, Controls]]:
    for address in route_walk.pages(app, busy, 2):
        answer = ana.get(address)
        if answer.status_code == 200:
            yield address, Controls(address, answer.get_data(as_text=True))


def test_every_link_leads_somewhere(app: Flask, busy: Runtime, ana: Browser) -> None:
    links = {link: address for address, page in controls(app, busy, ana) for link in page.links}
    assert len(links) > 60
    for link, address in links.items():
        answer = ana.get(link)
        assert answer.status_code == 200 or answer.location, f"{link} on {address} answers {answer.status_code}"


def test_no_button_needs_a_script(app: Flask, busy: Runtime, ana: Browser) -> None:
    """Those that do are hidden until the script shows them."""
    dead = {button: address for address, page in controls(app, busy, ana) for button in page.dead}
    assert {button: address for button, address in dead.items() if address != "/patterns"} == {}


def test_every_form_does_what_it_says(app: Flask, busy: Runtime, ana: Browser) -> None:
    """Sent as it stands: it is done, or the page comes back with what is missing; never lost, never a failure."""
    seen: set[tuple[str, str, str]] = set()
    for address, page in controls(app, busy, ana):
        for form in page.forms:
            alone = len(form.fields) == 1 and form.method == "get"  # the Enter key sends a single field
            assert form.buttons or alone, f"{form.action} on {address} cannot be sent"
            for button in form.buttons or [("", "")]:
                key = (form.method, form.action, button[1])
                if key in seen or form.action in ("/sign-out", "/commands/Explode"):
                    continue
                seen.add(key)
                answer = submit(ana, form, button)
                assert answer.status_code in (200, 303, 409, 422), (address, form, button, answer.status_code)
                if answer.status_code == 303:
                    assert ana.get(answer.location).status_code == 200, (address, form)
    assert len(seen) > 25


def submit(ana: Browser, form: Form, button: tuple[str, str]) -> TestResponse:
    sent = form.sent(button)
    if form.method == "get":
        answer = ana.get(f"{form.action.partition('?')[0]}?{urlencode(sent)}")
        return ana.get(answer.location) if answer.location else answer
    assert ("csrf_token", ana.session.csrf) in sent, form
    return ana.client.post(form.action, data=dict(sent), headers=SAME_SITE)
