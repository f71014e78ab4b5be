"""Every hostile text in every place that shows one: as text, on pages, for programs and in spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from cqrs.console.csv_text import to_csv
from cqrs.console.visible_text import visible
from cqrs.errors import CqrsError
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests import hostile_history, route_walk
from tests.console.bank import AccountOpened, Accounts
from tests.console.browser import Browser, Script
from tests.console.ledger import open_account
from tests.console.work import carry_out
from tests.hostile_texts import HOSTILE_TEXTS, storable

TEXTS = tuple(HOSTILE_TEXTS.items())
STORABLE = tuple((name, text) for name, text in TEXTS if storable(text))
#: Of lists, rows and windows of the log.
PARAMETERS = (
    "text",
    "type",
    "stream",
    "actor",
    "target",
    "key",
    "sort",
    "limit",
    "from",
    "before",
    "cursor",
    "at",
    "q",
)
#: Each page gets every fifth text, another page the next: together they get all. With 1 every page gets every text.
EACH = int(os.environ.get("FAULT_STRIDE", "5"))
#: All that our templates are made of.
ELEMENTS = frozenset(
    re.findall(
        "[a-z0-9]+",
        "html head meta title link script body a header footer nav ul ol li div span form input button section label "
        "main p h1 h2 h3 dl dt dd table caption thead tbody tr th td details summary select option fieldset legend "
        "textarea small b i code pre svg path circle rect line g polyline time progress figure figcaption mark text "
        "dialog br strong kbd",
    )
)


class Markup(HTMLParser):
    """What the page is made of, and what it says."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ELEMENTS:
            self.faults.append(f"<{tag}>")
        if len(attrs) != len(given):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.faults += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        for name in ("href", "action", "src"):
            address = given.get(name)
            if address and not re.match(r"[/#?](?![/\\])|[#?]|/$", address):
                self.faults.append(f"{tag} {name}={address[:80]}")
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.faults.append("an inline script")
        self.words += [value for name, value in attrs if name in ("value", "title", "aria-label") and value]
        self.ids += [given["id"] or ""] if "id" in given else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:40]}")

    def says(self, text: str) -> bool:
        return squeezed(visible(text)) in squeezed("".join(self.words))


def squeezed(text: str) -> str:
    return "".join(text.split())


def looked_at(answer: TestResponse, where: str) -> Markup:
    """The page of an answer; fails when a text has become part of it."""
    assert answer.status_code < 500, (answer.status_code, where)
    body = answer.get_data(as_text=True)
    page = Markup(body)
    assert page.faults == [], where
    assert "Infinity" not in body or "Infinity" in where
    assert "49{" not in squeezed(body)  # the Jinja expression was not worked out
    assert len(page.ids) == len(set(page.ids)), f"an id is there twice: {where}"
    return page


@pytest.fixture
def attacked(runtime: Runtime) -> Runtime:
    """Everything was recorded, applied as far as it can be, changed behind its back and checked."""
    hostile_history.record(runtime)
    runtime.projections.catch_up()
    return runtime


def refuse(row: Any, event: AccountOpened) -> None:
    raise ValueError(event.owner)


@pytest.fixture
def all_parked(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Keys that nobody likes, each with an error that is that text again, beside enough that are well."""
    well = [hostile_history.event(f"w{n}", "AccountOpened", account(f"well {n}"), "ana") for n in range(1_500)]
    runtime.events.append("account-well", well)
    runtime.projections.catch_up()
    handlers = tuple(
        replace(each, function=refuse) if each.event is AccountOpened else each for each in Accounts.handlers
    )
    with monkeypatch.context() as patched:
        patched.setattr(Accounts, "handlers", handlers)
        for _, text in STORABLE:
            opened(runtime, text)
        runtime.projections.catch_up()
    return runtime


def opened(runtime: Runtime, text: str) -> None:
    runtime.events.append("account-x", [hostile_history.event(f"e-{text}", "AccountOpened", account(text), text)])


def account(text: str) -> dict[str, str]:
    return {"account_id": text, "owner": text, "iban": text}


def test_the_corpus_is_large_enough() -> None:
    assert len(HOSTILE_TEXTS) >= 60


def test_every_page_shows_texts_and_nothing_else(
    app: Flask, viewer: Script, operator: Script, attacked: Runtime
) -> None:
    for number, address in enumerate(route_walk.pages(app, attacked)):
        for script in (viewer, operator)[number % 2 :: min(EACH, 2)]:
            looked_at(script.get(address), address)


def test_an_event_says_every_text_it_holds(app: Flask, operator: Script, attacked: Runtime) -> None:
    for number, (name, text) in enumerate(TEXTS):
        page = looked_at(operator.get(f"/events/{2 * number + 1}"), name)
        written = "********" if name == "lone surrogate" else text  # what cannot be read cannot be unmasked
        assert page.says(written), name


def test_programs_read_the_very_text(app: Flask, viewer: Script, attacked: Runtime) -> None:
    for number, (name, text) in enumerate(TEXTS):
        found = viewer.get(f"/api/events/{2 * number + 1}")
        assert found.status_code == 200
        assert found.content_type.startswith("application/json")
        if storable(text):
            assert found.json["data"]["owner"] == text, name
    for address in route_walk.answers(app, attacked):
        answer = viewer.get(address)
        assert answer.status_code in (200, 404, 422), (address, answer.status_code)
        assert json.loads(answer.data) is not None


def test_what_failed_and_why_is_text(app: Flask, operator: Script, all_parked: Runtime) -> None:
    assert all_parked.projections.status("accounts").parked > 50
    for address in route_walk.pages(app, all_parked, most=3):
        looked_at(operator.get(address), address)
    words = "".join(listed(operator, "/projections/accounts/parked"))
    for name, text in STORABLE:
        assert squeezed(visible(text)) in words, name
        looked_at(operator.get(f"/projections/accounts/parked?key={quote(text)}"), name)
    found = operator.get("/api/projections/accounts/parked?limit=200").json
    assert {key["key"] for key in found["parked"]} <= set(HOSTILE_TEXTS.values())


def listed(script: Script, address: str | None) -> Iterator[str]:
    """The words of a list, page after page."""
    while address:
        answer = script.get(address)
        yield squeezed("".join(looked_at(answer, address).words))
        following = re.search(r'href="([^"]*[?&;]cursor=[^"]*)"', answer.get_data(as_text=True))
        address = unescape(following[1]) if following and unescape(following[1]) != address else None


def test_what_stopped_a_projection_is_text(app: Flask, operator: Script, attacked: Runtime) -> None:
    assert attacked.projections.status("accounts").state == "failed"
    for address in ("/", "/projections", "/projections/accounts", "/events", "/system"):
        looked_at(operator.get(address), address)


def test_rows_that_differ_are_told_in_texts(app: Flask, operator: Script, runtime: Runtime) -> None:
    for _, text in STORABLE:
        opened(runtime, text)
    runtime.projections.catch_up()
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET owner = iban || '<i>x</i>', balance = 7")
    assert operator.post("/api/projections/accounts/checks", {"level": "full"}).status_code == 202
    carry_out(runtime)
    assert runtime.checks.page()[0].changed == len(STORABLE)
    for address in route_walk.pages(app, runtime):
        looked_at(operator.get(address), address)
    for address in route_walk.answers(app, runtime):
        assert operator.get(address).status_code < 500, address


def test_in_an_address_it_is_a_filter_or_a_sentence_about_it(app: Flask, viewer: Script) -> None:
    """Of a list that takes it, of a list that does not know it, of every other page."""
    lists = [rule.rule for rule in route_walk.reading(app) if not rule.arguments and not of_others(app, rule)]
    for number, path in enumerate(lists):
        for name, text in share(number):
            sent = quote(text, errors="surrogatepass")
            where = f"{path}?" + "&".join(f"{parameter}={sent}" for parameter in PARAMETERS)
            answer = viewer.get(where)
            assert answer.status_code in (200, 302, 303, 404, 409, 422), (answer.status_code, name, path)
            if answer.mimetype == "text/html":
                looked_at(answer, f"{path} {name}")
            if answer.status_code == 422:
                assert any(parameter in answer.get_data(as_text=True) for parameter in PARAMETERS), (name, path)


def share(number: int) -> tuple[tuple[str, str], ...]:
    return TEXTS[number % EACH :: EACH]


def of_others(app: Flask, rule: Rule) -> bool:
    return rule.endpoint.startswith("health.") or route_walk.of_a_domain(app, rule)


def test_as_an_address_it_is_not_found_in_words(app: Flask, operator: Script) -> None:
    patterns = ["/<text>", *(rule.rule for rule in route_walk.reading(app) if rule.arguments)]
    for number, pattern in enumerate(patterns):
        for name, text in share(number):
            sent = quote(text, safe="", errors="surrogatepass").replace("~", "~0").replace("%2F", "~1")
            where = re.sub(r"<[^>]+>", lambda _, sent=sent: sent, pattern)
            answer = operator.get(where)
            assert answer.status_code in (200, 308, 404, 405, 422), (answer.status_code, name, where)
            if answer.mimetype == "text/html" and answer.status_code != 308:
                looked_at(answer, f"{name} {where}")


def test_a_command_takes_it_or_says_which_field_does_not(ana: Browser, operator: Script) -> None:
    for name, text in TEXTS:
        fields = {"account_id": text, "owner": text, "iban": text, "pass_phrase": text}
        body = json.dumps(fields)
        asked = operator.post("/api/commands/OpenAccount", data=body, content_type="application/json")
        assert asked.status_code in (201, 422), name
        if asked.status_code == 422:
            assert set(asked.json["errors"]) <= {*fields, ""}, name
            assert all(sentence.isprintable() for each in asked.json["errors"].values() for sentence in each)
        unknown = json.dumps({text: 1, "account_id": "1", "owner": "x"})
        refused = operator.post("/api/commands/OpenAccount", data=unknown, content_type="application/json")
        assert refused.status_code == 422, name
        if name != "lone surrogate":  # no form can send one
            page = ana.post("/commands/OpenAccount", {**fields, "account_id": f"{name}2"[:60]}, follow_redirects=True)
            assert page.status_code in (200, 201, 422), name
            looked_at(page, name)


def test_reasons_actors_and_targets_are_told_as_they_were_given(app: Flask, operator: Script, runtime: Runtime) -> None:
    open_account(runtime)
    for number, (name, text) in enumerate(STORABLE):
        runtime.projections.pause("accounts", actor=text or "x", reason=text)
        runtime.start_replay("accounts", actor=text or "x", reason=text)
        operation = runtime.operations.page(limit=1)[0]
        runtime.audit.record(
            actor=text, role="viewer", address=text, action="pause", target=text, outcome="failed", reason=text,
            detail={text: text},
        )  # fmt: skip
        for where in ("/", "/operations", "/projections", "/projections/accounts", "/system")[number % EACH :: EACH]:
            looked_at(operator.get(where), f"{where} {name}")
        assert looked_at(operator.get(f"/operations/{operation.id}"), name).says(text), name
        assert looked_at(operator.get("/audit"), name).says(text[:200]), name
        paused = operator.post("/projections/accounts/pause", data={"reason": text, "next": text})
        assert paused.status_code in (303, 422), name
        assert paused.headers.get("Location", "/").startswith("/")
        runtime.operations.cancel(operation.id, actor="ana")


def test_at_the_door_it_opens_nothing(app: Flask, runtime: Runtime) -> None:
    client = app.test_client()
    for name, text in TEXTS:
        sent = quote(text, errors="surrogatepass")
        for where in (f"/sign-in?token={sent}", f"/sign-in?next={sent}"):
            page = client.get(where)
            assert page.status_code in (200, 303, 403, 429), (name, where, page.status_code)
            looked_at(page, where)
        if storable(text):
            refused = client.post("/sign-in", data={"token": text, "next": text})
            assert refused.status_code in (200, 303, 403, 422, 429), (name, refused.status_code)
            looked_at(refused, name)


def test_a_person_of_that_name_is_refused_or_greeted(app: Flask, runtime: Runtime) -> None:
    for name, text in TEXTS:
        refusal = refused_name(runtime, text)
        if refusal is not None:
            assert refusal.isprintable(), name
            continue
        client = app.test_client()
        token = runtime.people.link(text, by="test")
        greeted = client.get(f"/sign-in?token={token}", follow_redirects=True)
        assert looked_at(greeted, name).says(text), name


def refused_name(runtime: Runtime, name: str) -> str | None:
    try:
        runtime.people.add(name, Role.OPERATOR, by="test")
    except CqrsError as refusal:
        return str(refusal)
    return None


def test_the_log_refuses_streams_whose_names_could_not_be_read(runtime: Runtime) -> None:
    for text in HOSTILE_TEXTS.values():
        if not hostile_history.named(text):
            with pytest.raises(CqrsError, match="stream") as refused:
                runtime.events.append(f"account-{text}", [hostile_history.event("e", "Odd", {}, "ana")])
            assert str(refused.value).isprintable()


def test_spreadsheets_get_texts_and_no_formulas() -> None:
    lines = list(csv.reader(io.StringIO(to_csv(["text"], ({"text": text} for text in HOSTILE_TEXTS.values())))))[1:]
    assert len(lines) == len(HOSTILE_TEXTS)
    for (cell,), (name, text) in zip(((line or [""]) for line in lines), TEXTS, strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'"), name
        assert not cell.startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")), name
