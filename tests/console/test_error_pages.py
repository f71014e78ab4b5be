"""Whatever goes wrong is a sentence: JSON for programs, a page for people, and nothing of the inside for either."""

from __future__ import annotations

import logging
import re

import pytest
from flask import Flask

from cqrs import errors
from cqrs.console import error_pages
from cqrs.console.access import needs, public
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script
from tests.console.conftest import MakeApp


def signed_in(app: Flask) -> Browser:
    """After the last route was added: Flask takes none after the first request."""
    return Browser(app, "ana", Role.OPERATOR)


def test_unknown_addresses(ana: Browser, viewer: Script) -> None:
    page = ana.get("/nothing/here")
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is nothing at this address" in page.text
    answer = viewer.get("/api/nothing")
    assert answer.status_code == 404
    assert answer.json["error"]["code"] == "not_found"


def test_a_wrong_method_names_the_right_ones(viewer: Script) -> None:
    answer = viewer.open("/api/events", "DELETE")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "DELETE" in answer.json["error"]["message"]


@pytest.mark.parametrize("path", ["/api/commands/Explode", "/tills/broken"])
def test_what_nobody_expected_leaves_a_reference_and_nothing_else(
    operator: Script, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    method = "POST" if path.startswith("/api") else "GET"
    answer = operator.open(path, method)
    assert answer.status_code == 500
    assert "s3cr3t" not in answer.text
    assert "Traceback" not in answer.text
    reference = answer.json["reference"]
    assert reference in answer.json["error"]["message"]
    record = next(record for record in caplog.records if reference in record.getMessage())
    assert record.exc_info
    assert "s3cr3t" in str(record.exc_info[1])


def test_an_unexpected_error_on_a_page(app: Flask) -> None:
    @needs(Role.VIEWER)
    def view() -> str:
        raise KeyError("s3cr3t")

    app.add_url_rule("/broken", "broken", view)
    answer = signed_in(app).get("/broken")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert re.search(r"err-[0-9a-f]{8}", answer.text)
    assert "s3cr3t" not in answer.text


def test_the_page_of_an_error_survives_a_broken_template(
    app: Flask, ana: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise errors.DatabaseUnavailable(database="main", why="it is gone")

    monkeypatch.setattr(error_pages, "render", broken)
    answer = ana.get("/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.text
    assert "<script>" not in answer.text


def test_a_database_that_is_gone_is_503(app: Flask) -> None:
    @needs(Role.VIEWER)
    def view() -> str:
        raise errors.DatabaseUnavailable(database="main", why="connection refused")

    app.add_url_rule("/gone", "gone", view)
    app.add_url_rule("/api/gone", "api_gone", view)
    ana = signed_in(app)
    assert ana.get("/gone").status_code == 503
    assert ana.get("/api/gone").json["error"]["code"] == "database_unavailable"


def test_hostile_texts_stay_texts(app: Flask) -> None:
    @needs(Role.VIEWER)
    def view() -> str:
        raise errors.NotFound(what="stream", name="<script>alert(1)</script>")

    app.add_url_rule("/hostile", "hostile", view)
    text = signed_in(app).get("/hostile").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_log_lines_cannot_be_forged_through_an_address(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    @needs(Role.VIEWER)
    def view(path: str) -> str:
        raise KeyError(path)

    app.add_url_rule("/break/<path>", "break", view)
    signed_in(app).get("/break/a%0Aroot%20signed%20in")
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("cqrs.console")]
    assert messages
    assert all("\n" not in message for message in messages)


@pytest.mark.parametrize("path", ["/api/commands/OpenAccount", "/tills"])
def test_bodies_have_a_limit(operator: Script, path: str) -> None:
    body = b'{"account_id": "' + b"x" * 1024 * 1024 + b'"}'
    answer = operator.open(path, "POST", data=body, content_type="application/json")
    assert answer.status_code == 413
    assert "1 MiB" in answer.json["error"]["message"]


def test_forms_have_a_limit_too(ana: Browser) -> None:
    answer = ana.post("/theme", {"theme": "x" * 1024 * 1024})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")


@pytest.mark.parametrize(
    ("cls", "status"),
    [
        (errors.InvalidMessage, 422),
        (errors.IdempotencyConflict, 422),
        (errors.NoHandler, 404),
        (errors.ConcurrencyError, 409),
        (errors.NotVisibleYet, 425),
        (errors.AccessDenied, 403),
        (errors.DatabaseBusy, 503),
        (errors.DiskFull, 507),
        (errors.TooManyRequests, 429),
        (errors.SchemaMissing, 503),
    ],
)
def test_statuses(cls: type[errors.CqrsError], status: int) -> None:
    found = error_pages.status_and_code(cls)
    assert found
    assert found[0] == status


def test_a_fault_of_ours_has_no_status_of_its_own() -> None:
    assert error_pages.status_and_code(errors.UnsafeDatabase) is None


def test_an_older_program_says_so_on_every_page(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()

    @public
    def view() -> str:
        raise errors.SchemaTooNew(database="main", revision="0099")

    app.add_url_rule("/newer", "newer", view)
    answer = app.test_client().get("/newer")
    assert answer.status_code == 503
    assert "newer program" in answer.text


def test_refusals_and_failures_leave_audit_rows(runtime: Runtime, operator: Script, viewer: Script) -> None:
    viewer.send("OpenAccount")
    operator.send("OpenAccount")
    operator.send("Explode")
    rows = [(entry.actor, entry.target, entry.outcome, entry.reason) for entry in runtime.audit.page().items]
    assert [row[:3] for row in rows] == [
        ("operator-script", "Explode", "failed"),
        ("operator-script", "OpenAccount", "refused"),
        ("viewer-script", "OpenAccount", "refused"),
    ]
    assert "err-" in str(rows[0][3])
    assert "needs the role operator" in str(rows[2][3])


def test_a_lost_audit_row_does_not_undo_the_deed(
    runtime: Runtime, operator: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: object) -> int:
        raise errors.DatabaseBusy(database="main")

    monkeypatch.setattr(runtime.audit, "record", fail)
    assert operator.send("OpenAccount", account_id="1", owner="Ana").status_code == 201
    assert any(record.levelno == logging.ERROR for record in caplog.records)
