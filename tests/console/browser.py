"""People and programs in front of the console, as it sees them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cqrs.console.current import Console
from cqrs.messages import Role
from cqrs.operators.sessions import Session

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


class Browser:
    """Signed in by a link; posts as a page of the console would."""

    def __init__(self, app: Flask, name: str, role: Role) -> None:
        self.console: Console = app.extensions["projectionist"]
        self.client: FlaskClient = app.test_client()
        people = self.console.runtime.people
        if people.get(name) is None:
            people.add(name, role, by="test")
        self.answer = self.client.get(f"/sign-in?token={people.link(name, by='test')}")

    @property
    def cookie(self) -> str:
        found = re.search(r"projectionist_5000=([^;]+)", self.answer.headers["Set-Cookie"])
        assert found
        return found[1]

    @property
    def session(self) -> Session:
        found = self.console.runtime.sessions.read(self.cookie)
        assert found
        return found

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        """Read to the end: an answer left open keeps the file it comes from open."""
        return self.client.get(path, buffered=True, **kwargs)

    def post(self, path: str, data: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        kwargs.setdefault("headers", SAME_SITE)
        return self.client.post(path, data={"csrf_token": self.session.csrf, **(data or {})}, **kwargs)


class Script:
    """Carries a token and nothing else."""

    def __init__(self, app: Flask, role: Role, name: str | None = None) -> None:
        console: Console = app.extensions["projectionist"]
        self.client: FlaskClient = app.test_client(use_cookies=False)
        self.token = console.runtime.tokens.add(name or f"{role}-script", role, by="test")

    def open(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None, **kwargs: Any
    ) -> TestResponse:
        given = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.client.open(path, method=method, headers=given, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open(path, **kwargs)

    def post(self, path: str, json: object = None, **kwargs: Any) -> TestResponse:
        return self.open(path, "POST", json=json, **kwargs)

    def send(self, name: str, **fields: object) -> TestResponse:
        return self.post(f"/api/commands/{name}", fields)


def path_of(answer: TestResponse) -> str:
    parts = urlsplit(answer.headers["Location"])
    return parts.path + (f"?{parts.query}" if parts.query else "")
