"""Links sign in once; sessions end when nobody is there."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from flask import Flask

from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.runtime import Runtime
from tests.console.browser import SAME_SITE, Browser, path_of
from tests.console.conftest import MakeApp
from tests.operators.aging import age


def link_of(runtime: Runtime, name: str = "ana") -> str:
    if runtime.people.get(name) is None:
        runtime.people.add(name, Role.OPERATOR, by="test")
    return runtime.people.link(name, by="test")


def test_a_link_signs_in_once(app: Flask, runtime: Runtime) -> None:
    token = link_of(runtime)
    first = app.test_client().get(f"/sign-in?token={token}")
    assert (first.status_code, first.headers["Location"]) == (303, "/")
    second = app.test_client().get(f"/sign-in?token={token}")
    assert second.status_code == 403
    assert "Set-Cookie" not in second.headers


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_who_only_looks_does_not_spend_the_link(app: Flask, runtime: Runtime, headers: dict[str, str]) -> None:
    token = link_of(runtime)
    assert "Set-Cookie" not in app.test_client().head(f"/sign-in?token={token}").headers
    assert "Set-Cookie" not in app.test_client().get(f"/sign-in?token={token}", headers=headers).headers
    assert app.test_client().get(f"/sign-in?token={token}").status_code == 303


@pytest.mark.parametrize(
    "pasted", ["{}", " {} ", "http://127.0.0.1:5000/sign-in?token={}", "http://x/sign-in?next=/&token={}"]
)
def test_the_form_takes_a_link_or_its_token(app: Flask, runtime: Runtime, pasted: str) -> None:
    answer = app.test_client().post("/sign-in", data={"link": pasted.format(link_of(runtime)), "next": "/events"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/events")


def test_signing_somebody_in_from_another_site_is_refused(app: Flask, runtime: Runtime) -> None:
    answer = app.test_client().post(
        "/sign-in", data={"link": link_of(runtime)}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


def test_whatever_is_wrong_with_a_link_the_answer_is_the_same(app: Flask, runtime: Runtime) -> None:
    used = link_of(runtime)
    app.test_client().get(f"/sign-in?token={used}")
    runtime.people.add("ben", Role.ADMIN, by="test")
    disabled = runtime.people.link("ben", by="test")
    runtime.people.disable("ben", by="test")
    answers = [app.test_client().get(f"/sign-in?token={token}") for token in (used, disabled, "never-was-one")]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert len({answer.text for answer in answers}) == 1


def test_guessing_is_slowed_down(app: Flask, runtime: Runtime) -> None:
    token = link_of(runtime)
    codes = [app.test_client().get(f"/sign-in?token=guess{n}").status_code for n in range(6)]
    assert codes == [403] * 5 + [429]
    assert app.test_client().get(f"/sign-in?token={token}").status_code == 429
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert app.test_client().get(f"/sign-in?token={token}", environ_base=elsewhere).status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(app: Flask, runtime: Runtime) -> None:
    cookie = app.test_client().get(f"/sign-in?token={link_of(runtime)}").headers["Set-Cookie"]
    assert cookie.startswith("projectionist_5000=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_over_https_the_cookie_is_bound_to_this_host(app: Flask, runtime: Runtime) -> None:
    answer = app.test_client().get(f"/sign-in?token={link_of(runtime)}", base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-projectionist_5000=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_a_trusted_proxy_says_that_it_is_https(make_app: MakeApp) -> None:
    headers = {"X-Forwarded-Proto": "https"}
    for trusted, prefix in (("127.0.0.1", "__Host-"), ("10.0.0.1", "projectionist")):
        app = make_app(TRUSTED_PROXIES=trusted)
        token = link_of(app.extensions["projectionist"].runtime)
        answer = app.test_client().get(f"/sign-in?token={token}", headers=headers)
        assert answer.headers["Set-Cookie"].startswith(prefix)


def test_signing_in_again_is_a_new_session_and_ends_the_old_one(app: Flask, runtime: Runtime, ana: Browser) -> None:
    before = ana.cookie
    answer = ana.get(f"/sign-in?token={link_of(runtime)}")
    assert before not in answer.headers["Set-Cookie"]
    assert runtime.sessions.read(before) is None


def test_a_made_up_session_id_is_not_taken_over(app: Flask, runtime: Runtime) -> None:
    client = app.test_client()
    client.set_cookie("projectionist_5000", "chosen-by-an-attacker")
    assert client.get("/api/events").status_code == 401
    answer = client.get(f"/sign-in?token={link_of(runtime)}")
    assert "chosen-by-an-attacker" not in answer.headers["Set-Cookie"]


def test_signing_out_ends_the_session_on_the_server(app: Flask, ana: Browser, runtime: Runtime) -> None:
    cookie = ana.cookie
    answer = ana.post("/sign-out")
    assert path_of(answer) == "/sign-in"
    assert runtime.sessions.read(cookie) is None
    assert ana.get("/api/events").status_code == 401


def test_a_get_never_signs_out(ana: Browser) -> None:
    assert ana.get("/sign-out").status_code == 405
    assert ana.session


def test_only_people_keep_a_session_awake(runtime: Runtime, ana: Browser) -> None:
    age(runtime.main, tables.sessions, timedelta(minutes=20))
    for poll in ({"X-Live": "1"}, {"HX-Request": "true", "HX-Source": "main#live"}):
        assert ana.get("/api/openapi.json", headers=poll).status_code == 200
        assert runtime.clock() - ana.session.seen_at > timedelta(minutes=19)
    ana.get("/api/openapi.json")
    assert runtime.clock() - ana.session.seen_at < timedelta(minutes=1)


def test_nobody_stays_signed_in_for_more_than_twelve_hours(runtime: Runtime, ana: Browser) -> None:
    codes = []
    for _ in range(36):
        age(runtime.main, tables.sessions, timedelta(minutes=20))
        codes.append(ana.get("/api/openapi.json").status_code)
    assert codes == [200] * 35 + [401]


def test_a_session_nobody_uses_ends(runtime: Runtime, ana: Browser) -> None:
    age(runtime.main, tables.sessions, timedelta(minutes=31))
    assert ana.get("/api/openapi.json").status_code == 401


# Where one goes next


def test_after_signing_in_one_is_where_one_wanted_to_be(app: Flask, runtime: Runtime) -> None:
    client = app.test_client()
    asked = client.get("/events?type=OrderPlaced&text=a%26b")
    assert asked.status_code == 303
    landed = client.get(f"{path_of(asked)}&token={link_of(runtime)}")
    assert landed.headers["Location"] == "/events?type=OrderPlaced&text=a%26b"


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5Cevil.example",
        "/%255Cevil.example",
        "%2F%2Fevil.example",
        "/%2Fevil.example",
        "/%252Fevil.example",
        "/\tevil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "evil",
        "/sign-in?token=x",
        "/sign-out",
        "/" + "a" * 3_000,
    ],
)
def test_an_address_elsewhere_leads_home(app: Flask, runtime: Runtime, address: str) -> None:
    answer = app.test_client().get("/sign-in", query_string={"token": link_of(runtime), "next": address})
    assert answer.headers["Location"] == "/"


def test_a_region_that_follows_the_log_leaves_the_page_for_the_sign_in(app: Flask) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/events?type=A"}
    answer = app.test_client().get("/events", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/events?type%3DA"
    assert answer.data == b""


# What is left behind


def test_signing_in_and_out_and_failing_to_leave_audit_rows(app: Flask, runtime: Runtime, ana: Browser) -> None:
    app.test_client().get("/sign-in?token=wrong")
    ana.post("/sign-out")
    rows = [(entry.actor, entry.action, entry.outcome) for entry in runtime.audit.page().items]
    assert rows == [("ana", "sign-out", "done"), ("anonymous", "sign-in", "refused"), ("ana", "sign-in", "done")]


def test_the_token_is_never_logged(app: Flask, runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = link_of(runtime)
    for _ in range(2):
        app.test_client().get(f"/sign-in?token={token}")
    assert token not in caplog.text
    assert all(token not in str(entry) for entry in runtime.audit.page().items)


def test_a_theme_and_a_zone_are_kept(ana: Browser) -> None:
    assert "projectionist_theme=dark" in ana.post("/theme", {"theme": "dark"}).headers["Set-Cookie"]
    assert "projectionist_zone=Europe/Berlin" in ana.post("/zone", {"zone": "Europe/Berlin"}).headers["Set-Cookie"]
    for name, value in (("theme", "pink"), ("zone", "../../etc/passwd"), ("zone", "Mars/Olympus"), ("zone", "")):
        assert ana.post(f"/{name}", {name: value}).status_code == 422


def test_a_script_that_signs_in_follows_a_header(app: Flask, runtime: Runtime) -> None:
    headers = {"HX-Request": "true", **SAME_SITE}
    answer = app.test_client().post("/sign-in", data={"link": link_of(runtime)}, headers=headers)
    assert answer.headers["HX-Redirect"] == "/"
