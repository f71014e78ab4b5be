"""Requests that no page of ours sends, to every route, by everybody: answered in a sentence, never with a failure."""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests import route_walk
from tests.console.browser import SAME_SITE, Browser, Script
from tests.console.ledger import deposit, open_account
from tests.console.route_calls import BROKEN, calls
from tests.hostile_texts import HOSTILE_TEXTS

#: Of each kind of request; soak and test-faults ask for more.
EXAMPLES = 300 if os.environ.get("FAULT_STRIDE") == "1" else 60
NAMES = (
    "type", "stream", "category", "actor", "from", "to", "text", "path", "value", "before", "after", "cursor", "limit",
    "sort", "at", "key", "wait", "timeout", "dry_run", "review", "level", "reason", "speed", "throttle", "digest",
    "token", "next", "zone", "theme", "q", "kind", "state", "projection", "target", "action", "prefix", "unmask",
    "account_id", "owner", "amount", "balance", "expected_version", "keys", "check", "cron", "interval", "",
)  # fmt: skip
NUMBERS = (
    "0",
    "-1",
    "1",
    "1e9",
    "NaN",
    "9223372036854775807",
    "9223372036854775808",
    "9" * 400,
    "0x10",
    "½",
    "٣",
    " 5 ",
)
TIMES = ("2026-02-30", "0001-01-01", "9999-12-31T23:59:60Z", "2026-01-01T00:00:00+99:99", "now", "-1")
HEADERS = (
    "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
    "Range", "Prefer", "Cookie", "Referer", "Origin", "Sec-Fetch-Site", "User-Agent", "X-CSRF-Token", "X-Forwarded-For",
    "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Live", "HX-Request", "HX-Target", "HX-Current-URL",
    "HX-PTag", "X-HTTP-Method-Override", "Expect", "Content-Encoding",
)  # fmt: skip

texts = st.sampled_from((*HOSTILE_TEXTS.values(), *NUMBERS, *TIMES)) | st.text(max_size=40)
queries = st.lists(st.tuples(st.sampled_from(NAMES) | texts, texts), max_size=5)
headers = st.dictionaries(st.sampled_from(HEADERS), texts, max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
bodies = (
    st.dictionaries(st.sampled_from(NAMES), values, max_size=6).map(lambda body: json.dumps(body).encode())
    | values.map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=60)
    | st.sampled_from((b"", b"{", b"[" * 5_000, b'{"a":1,"a":2}', b"\xff\xfe", b'"\\ud800"', b"x=1&x=2&=&%", b"null"))
)
kinds = st.sampled_from(
    ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "")
)
UNHURRIED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def busy(runtime: Runtime) -> Runtime:
    """With something to find behind every address."""
    for account in ("1", "a/b"):
        open_account(runtime, account)
        deposit(runtime, "2.50", account)
    runtime.projections.catch_up()
    runtime.start_check("accounts", actor="ana")
    return runtime


@pytest.fixture
def callers(app: Flask, busy: Runtime) -> list[Script]:
    return [Script(app, role) for role in Role]


@pytest.fixture
def addresses(app: Flask, busy: Runtime) -> list[tuple[str, str]]:
    """(method, path): what is there, and the patterns of all routes to be filled in."""
    there = [("GET", path) for path in (*route_walk.pages(app, busy, 3), *route_walk.answers(app, busy, 3))]
    return there + [(method, rule.rule) for rule, method, _ in calls(app) if rule.endpoint not in (BROKEN, "static")]


def fair(answer: TestResponse, request: object) -> None:
    """No failure of ours; and who is refused is told what to mend."""
    assert answer.status_code < 500 or told(answer), (answer.status_code, request)
    if answer.status_code == 422 and answer.mimetype == "application/json":
        errors = answer.json["errors"] if "errors" in answer.json else {"": [answer.json["error"]["message"]]}
        assert errors, request
        assert all(sentences and all(sentences) for sentences in errors.values()), request
    if answer.status_code >= 400 and answer.mimetype == "application/json" and not told(answer):
        assert answer.json["error"]["message"], request


def told(answer: TestResponse) -> bool:
    """A 503 that is meant: nobody works here, which is said."""
    return answer.status_code == 503 and b"worker" in answer.data


def fill(path: str, text: str) -> str:
    sent = quote(text, safe="~", errors="surrogatepass")
    return re.sub(r"<[^>]+>", lambda _: sent, path)


def latin(given: dict[str, str]) -> dict[str, str]:
    """As a server hands headers on: one line each, every byte a character."""
    return {
        name: "".join(text.splitlines()).encode("utf-8", "replace").decode("latin-1").replace("\0", "")
        for name, text in given.items()
    }


def test_wild_addresses_and_headers(addresses: list[tuple[str, str]], callers: list[Script]) -> None:
    @UNHURRIED
    @given(st.sampled_from(addresses), st.sampled_from(callers), texts, queries, headers)
    def ask(address: tuple[str, str], caller: Script, text: str, query: Any, sent: dict[str, str]) -> None:
        path = fill(address[1], text) + "?" + urlencode(query, errors="surrogatepass")
        fair(caller.open(path, address[0], headers=latin(sent)), (address[0], path, sent))

    ask()


def test_wild_bodies(addresses: list[tuple[str, str]], callers: list[Script]) -> None:
    writing = [(method, path) for method, path in addresses if method != "GET"]

    @UNHURRIED
    @given(st.sampled_from(writing), st.sampled_from(callers), bodies, kinds, texts)
    def send(address: tuple[str, str], caller: Script, body: bytes, kind: str, text: str) -> None:
        for path in (address[1].replace("<name>", "accounts"), address[1].replace("<name>", "OpenAccount")):
            where = fill(path, text)
            fair(caller.open(where, address[0], data=body, content_type=kind), (address[0], where, body, kind))

    send()


def test_wild_forms_of_a_person(app: Flask, addresses: list[tuple[str, str]], busy: Runtime) -> None:
    ana = Browser(app, "ana", Role.OPERATOR)
    csrf = ana.session.csrf
    posting = [path for method, path in addresses if method == "POST" and not path.startswith(("/api/", "/sign-out"))]

    @UNHURRIED
    @given(st.sampled_from(posting), st.dictionaries(st.sampled_from(NAMES), texts, max_size=5), headers)
    def submit(path: str, fields: dict[str, str], sent: dict[str, str]) -> None:
        where = fill(path.replace("<name>", "accounts"), "a~1b")
        form = {name: text.encode("utf-8", "replace").decode() for name, text in fields.items()}
        given = {**latin(sent), **SAME_SITE}
        given.pop("Cookie", None)
        answer = ana.client.post(where, data={**form, "csrf_token": csrf}, headers=given)
        fair(answer, (where, form, sent))

    submit()


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "PROPFIND", "CONNECT", "get", "X" * 200])
def test_methods_nobody_serves(addresses: list[tuple[str, str]], callers: list[Script], method: str) -> None:
    for _, path in addresses[::7]:
        fair(callers[-1].open(fill(path, "x"), method), (method, path))
