"""Pages that were seen already, and files whose address names their content."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, url_for

from cqrs.console.access import needs
from cqrs.console.rendering import render
from cqrs.messages import Role
from tests.console.browser import Browser


def test_a_poll_that_has_seen_the_page_gets_304(app: Flask) -> None:
    head = ["41"]

    @needs(Role.VIEWER)
    def view() -> Response:
        return render("sign_in/show.html", tag=head[0], problem=None, next="/")

    app.add_url_rule("/followed", "followed", view)
    ana = Browser(app, "ana", Role.VIEWER)
    first = ana.get("/followed")
    assert (first.status_code, first.headers["HX-PTag"]) == (200, "41")
    again = ana.get("/followed", headers={"HX-PTag": "41"})
    assert (again.status_code, again.data, again.headers["HX-PTag"]) == (304, b"", "41")
    head[0] = "42"
    assert ana.get("/followed", headers={"HX-PTag": "41"}).status_code == 200


def test_an_edited_file_has_a_new_address(app: Flask, tmp_path: Path) -> None:
    app.static_folder = str(tmp_path)
    file = tmp_path / "own.css"
    file.write_text("a {}")
    with app.test_request_context():
        before = url_for("static", filename="own.css")
        assert url_for("static", filename="own.css") == before
        file.write_text("a { color: red }")
        assert url_for("static", filename="own.css") != before
        assert url_for("static", filename="gone.css") == "/static/gone.css"
