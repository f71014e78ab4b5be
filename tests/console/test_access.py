"""Every route, seen by everybody: nobody gets further than the declaration of its view, and none is without one."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.routing import Rule

from cqrs.console.access import access_of, needs
from cqrs.console.access_rule import Access
from cqrs.messages import Role
from tests.console.browser import Browser, Script
from tests.console.conftest import MakeApp
from tests.console.route_calls import BROKEN, calls

OPEN_TO_ALL = {"static", "sign_in.show", "sign_in.submit", "health.healthz", "health.readyz"}
#: Changes nothing but a cookie or the session of who asks.
FOR_VIEWERS = {"sign_in.sign_out", "preferences.theme", "preferences.zone"}


def needed(rule: Rule, method: str) -> Role | None:
    """What the contract says, not what the code declares."""
    if rule.endpoint in OPEN_TO_ALL:
        return None
    return Role.VIEWER if method == "GET" or rule.endpoint in FOR_VIEWERS else Role.OPERATOR


def test_without_signing_in_pages_lead_to_the_sign_in_and_programs_get_401(app: Flask) -> None:
    client = app.test_client()
    for rule, method, path in calls(app):
        answer = client.open(path, method=method)
        if needed(rule, method) is None:
            assert answer.status_code not in (401, 303), (method, path)
        elif path.split("/")[1] in ("api", "tills"):
            assert answer.status_code == 401, (method, path)
            assert answer.json["error"]["code"] == "not_signed_in"
        else:
            assert answer.status_code == 303, (method, path)
            assert answer.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("role", list(Role))
def test_everybody_gets_as_far_as_their_role(app: Flask, role: Role) -> None:
    script = Script(app, role)
    for rule, method, path in calls(app):
        role_needed = needed(rule, method)
        if rule.endpoint in OPEN_TO_ALL:
            continue
        answer = script.open(path, method)
        allowed = role_needed is None or role.allows(role_needed)
        assert (answer.status_code not in (401, 403)) == allowed, (method, path, answer.status_code)
        assert answer.status_code < 500 or rule.endpoint == BROKEN, (method, path)


def test_a_view_that_declares_nothing_is_refused_to_all(app: Flask) -> None:
    app.add_url_rule("/api/forgotten", "forgotten", lambda: "secrets")
    answer = Script(app, Role.ADMIN).get("/api/forgotten")
    assert answer.status_code == 403
    assert b"secrets" not in answer.data


def test_every_view_of_the_console_declares_who_may_call_it(app: Flask) -> None:
    missing = [rule.endpoint for rule, method, _ in calls(app) if access_of(app, rule.endpoint, method) is None]
    assert missing == []


def test_read_only_refuses_every_write_but_signing_in_and_out(make_app: MakeApp) -> None:
    app = make_app(READ_ONLY=True)
    admin = Script(app, Role.ADMIN)
    for rule, method, path in calls(app):
        if method == "GET" or rule.endpoint in OPEN_TO_ALL | FOR_VIEWERS:
            continue
        answer = admin.open(path, method)
        assert answer.status_code == 403, (method, path)
        assert b"read-only" in answer.data
    browser = Browser(app, "ana", Role.OPERATOR)
    assert browser.answer.status_code == 303
    assert browser.post("/sign-out").status_code == 303


def test_one_declaration_also_draws(app: Flask) -> None:
    def drawn(role: Role) -> str:
        script = Script(app, role, f"draws-for-{role}")
        return script.get("/api/drawn").text

    @needs(Role.VIEWER)
    def draw() -> str:
        return app.jinja_env.from_string("{{ can('pause') }} {{ refusal('pause') }}").render(
            app.jinja_env.globals | {"can": can, "refusal": refusal}
        )

    from cqrs.console.access import can, refusal

    app.add_url_rule("/api/drawn", "drawn", draw)
    assert drawn(Role.VIEWER) == "False refused: needs operator"
    assert drawn(Role.OPERATOR) == "True None"


def test_one_action_cannot_mean_two_roles(app: Flask) -> None:
    from cqrs.console.access import actions_of

    app.add_url_rule("/other", "other", needs(Role.ADMIN, action="pause")(lambda: "paused"))
    with pytest.raises(ValueError, match="pause"):
        actions_of(app)


def test_the_routes_of_a_domain_are_guarded_without_its_help(app: Flask) -> None:
    assert access_of(app, "bank.tills", "GET") == Access(Role.VIEWER)
    assert access_of(app, "bank.add", "POST") == Access(Role.OPERATOR, action="request")
    assert Script(app, Role.VIEWER).get("/tills").json == {"amount": "1.50"}
    assert Script(app, Role.OPERATOR).post("/tills", {"amount": 1.5}).json == {"amount": "1.5"}
