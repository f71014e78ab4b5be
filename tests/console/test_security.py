"""What a page elsewhere, a wrong name, a script in a hurry and a browser with a stolen form cannot do."""

from __future__ import annotations

import pytest
from flask import Flask

from cqrs.console.rate_limit import RateLimit
from cqrs.errors import TooManyRequests
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import SAME_SITE, Browser, Script
from tests.console.conftest import MakeApp

THEME = {"theme": "dark", "next": "/events"}


# Names of the console


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "[::1]", "localhost."])
def test_the_console_answers_to_its_own_names(app: Flask, host: str) -> None:
    assert app.test_client().get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5000", "[::2]:5000", ""]
)
@pytest.mark.parametrize("path", ["/sign-in", "/", "/api/events", "/static/css/base.css", "/nothing"])
def test_other_names_are_refused_before_anything_else(app: Flask, host: str, path: str) -> None:
    answer = app.test_client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "TRUSTED_HOSTS" in answer.text
    assert "evil" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_more_names_come_from_the_settings(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_HOSTS="ops.example.org", PUBLIC_URL="https://console.example.org")
    for host in ("ops.example.org", "console.example.org:443", "localhost:5000"):
        assert app.test_client().get("/sign-in", headers={"Host": host}).status_code == 200


def test_probes_ask_for_health_by_any_name(app: Flask) -> None:
    assert app.test_client().get("/healthz", headers={"Host": "10.0.0.7:5000"}).json == {"status": "ok"}


# Headers


def test_every_answer_carries_the_headers(app: Flask, ana: Browser) -> None:
    for path in ("/sign-in", "/api/events", "/nothing", "/static/css/base.css", "/healthz", "/tills"):
        headers = ana.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_data_are_never_kept_and_versioned_files_for_good(app: Flask, ana: Browser) -> None:
    with app.test_request_context():
        from flask import url_for

        versioned = url_for("static", filename="css/base.css")
    assert "?v=" in versioned
    assert "immutable" in ana.get(versioned).headers["Cache-Control"]
    assert "immutable" not in ana.get("/static/css/base.css").headers["Cache-Control"]
    for path in ("/api/events", "/sign-in", "/nothing"):
        assert ana.get(path).headers["Cache-Control"] == "no-store"


# Forged requests


def test_a_form_of_the_console_passes(ana: Browser) -> None:
    answer = ana.post("/theme", THEME)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/events"


def test_a_script_on_a_page_sends_the_token_as_a_header(ana: Browser) -> None:
    headers = {**SAME_SITE, "X-CSRF-Token": ana.session.csrf}
    assert ana.client.post("/theme", data=THEME, headers=headers).status_code == 303


@pytest.mark.parametrize("csrf", ["", "x", "é", "0" * 43])
def test_a_form_without_the_token_of_the_session_is_refused(ana: Browser, csrf: str) -> None:
    answer = ana.client.post("/theme", data={**THEME, "csrf_token": csrf}, headers=SAME_SITE)
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text


def test_the_token_of_another_session_does_not_do(app: Flask, ana: Browser) -> None:
    ben = Browser(app, "ben", Role.ADMIN)
    answer = ana.client.post("/theme", data={**THEME, "csrf_token": ben.session.csrf}, headers=SAME_SITE)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
        {},
    ],
)
def test_a_request_from_elsewhere_is_refused_even_with_the_token(ana: Browser, headers: dict[str, str]) -> None:
    assert ana.post("/theme", THEME, headers=headers).status_code == 403


def test_browsers_without_sec_fetch_site_are_known_by_their_origin(ana: Browser) -> None:
    assert ana.post("/theme", THEME, headers={"Origin": "http://localhost"}).status_code == 303


def test_a_link_from_a_chat_opens(ana: Browser) -> None:
    assert ana.get("/api/events", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_token_needs_none_of_it_and_its_cookies_do_not_count(app: Flask, ana: Browser) -> None:
    viewer = Script(app, Role.VIEWER)
    headers = {
        "Authorization": f"Bearer {viewer.token}",
        "Origin": "http://evil.example",
        "Sec-Fetch-Site": "cross-site",
    }
    refused = ana.client.post("/api/commands/OpenAccount", json={}, headers=headers)
    assert refused.status_code == 403
    assert "viewer-script has viewer" in refused.json["error"]["message"]
    operator = Script(app, Role.OPERATOR)
    headers["Authorization"] = f"Bearer {operator.token}"
    assert ana.client.post("/api/commands/OpenAccount", json={}, headers=headers).status_code == 422
    headers["Authorization"] = "Bearer wrong"
    assert ana.client.get("/api/events", headers=headers).status_code == 401


# How often


def test_a_session_that_asks_too_often_is_slowed_down_and_static_files_do_not_count(app: Flask, ana: Browser) -> None:
    seconds = [0.0]
    ana.console.rate_limit = RateLimit(lambda: seconds[0])
    assert all(ana.get("/static/css/base.css").status_code == 200 for _ in range(120))
    codes = [ana.get("/api/openapi.json").status_code for _ in range(101)]
    assert codes == [200] * 100 + [429]
    answer = ana.get("/api/openapi.json")
    assert int(answer.headers["Retry-After"]) >= 1
    seconds[0] += 1
    assert [ana.get("/api/openapi.json").status_code for _ in range(21)] == [200] * 20 + [429]


def test_a_long_rest_saves_up_no_more_than_one_burst() -> None:
    seconds = [0.0]
    limit = RateLimit(lambda: seconds[0], per_second=20, burst=3)
    limit.spend("a")
    seconds[0] += 1_000
    for _ in range(3):
        limit.spend("a")
    with pytest.raises(TooManyRequests):
        limit.spend("a")


def test_tokens_are_not_slowed_down(ana: Browser, viewer: Script) -> None:
    """Not even in a browser that has a session as well."""
    headers = {"Authorization": f"Bearer {viewer.token}"}
    assert all(ana.get("/api/openapi.json", headers=headers).status_code == 200 for _ in range(130))


def test_sessions_do_not_slow_each_other_down() -> None:
    limit = RateLimit(lambda: 0.0, per_second=1, burst=1)
    limit.spend("a")
    limit.spend("b")
    with pytest.raises(TooManyRequests):
        limit.spend("a")


# Proxies in front


def test_a_proxy_signs_people_in_who_are_known(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_PROXIES="127.0.0.0/8", AUTH_HEADER="X-Remote-User")
    app.extensions["projectionist"].runtime.people.add("maria", Role.VIEWER, by="test")
    client = app.test_client()
    assert client.get("/api/events", headers={"X-Remote-User": "maria"}).status_code == 200
    unknown = client.get("/api/events", headers={"X-Remote-User": "nobody"})
    assert unknown.status_code == 403
    assert "people add nobody" in unknown.json["error"]["message"]
    stranger = client.get(
        "/api/events", headers={"X-Remote-User": "maria"}, environ_base={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert stranger.status_code == 401


def test_without_trusted_proxies_nobody_is_believed(app: Flask, runtime: Runtime) -> None:
    runtime.people.add("maria", Role.ADMIN, by="test")
    assert app.test_client().get("/api/events", headers={"X-Remote-User": "maria"}).status_code == 401


def test_people_behind_a_proxy_still_need_the_token_of_the_form(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_PROXIES="127.0.0.0/8", AUTH_HEADER="X-Remote-User")
    app.extensions["projectionist"].runtime.people.add("maria", Role.VIEWER, by="test")
    headers = {"X-Remote-User": "maria", **SAME_SITE}
    assert app.test_client().post("/theme", data=THEME, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("not an address", "127.0.0.1"),
        ("6.6.6.6, <script>", "127.0.0.1"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_the_caller_is_who_the_trusted_proxies_saw_first(make_app: MakeApp, chain: str, address: str) -> None:
    app = make_app(TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8")
    app.test_client().get("/sign-in?token=wrong", headers={"X-Forwarded-For": chain})
    (entry,) = app.extensions["projectionist"].runtime.audit.page().items
    assert entry.address == address


def test_nobody_chooses_the_address_they_are_known_by(app: Flask, runtime: Runtime) -> None:
    app.test_client().get("/sign-in?token=wrong", headers={"X-Forwarded-For": "6.6.6.6"})
    assert runtime.audit.page().items[0].address == "127.0.0.1"


def test_readiness_is_told_to_this_machine_or_to_a_token(app: Flask, viewer: Script) -> None:
    client = app.test_client()
    here = client.get("/readyz")
    assert here.status_code == 503
    assert any("worker" in reason for reason in here.json["reasons"])
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/readyz", environ_base=elsewhere).status_code == 401
    assert client.get("/readyz", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert viewer.get("/readyz", environ_base=elsewhere).status_code == 503
