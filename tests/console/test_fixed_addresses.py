"""Addresses that are kept are those that `url_for` would write now, wherever the console is mounted."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, url_for

from cqrs.console import fixed_addresses


def test_a_kept_address_is_the_one_url_for_writes(app: Flask) -> None:
    for root in ("http://localhost/", "http://localhost/under/here/", "http://localhost/"):
        for _ in range(2):
            with app.test_request_context(base_url=root):
                assert fixed_addresses.address_of("events.index") == url_for("events.index")
                assert fixed_addresses.url_for("overview.index") == url_for("overview.index")
                style = fixed_addresses.url_for("static", filename="css/base.css")
                assert style == url_for("static", filename="css/base.css")
                assert "?v=" in style


def test_what_has_parameters_is_put_together_each_time(app: Flask) -> None:
    with app.test_request_context():
        for position in (1, 2):
            assert fixed_addresses.url_for("events.show", position=position) == f"/events/{position}"


def test_a_page_leads_to_a_file_as_it_is_now(app: Flask, tmp_path: Path) -> None:
    app.static_folder = str(tmp_path)
    file = tmp_path / "own.css"
    file.write_text("a {}")
    with app.test_request_context():
        before = fixed_addresses.url_for("static", filename="own.css")
        file.write_text("a { color: red }")
        assert fixed_addresses.url_for("static", filename="own.css") != before
        assert fixed_addresses.url_for("static", filename="gone.css") == "/static/gone.css"
