"""A console over a real SQLite database with a small bank in it; migrated once, copied for each test."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from cqrs.console.rate_limit import RateLimit
from cqrs.messages import Role
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import load_settings
from tests.console import bank
from tests.console.apps import console_over
from tests.console.browser import Browser, Script

MakeApp = Callable[..., Flask]


def runtime_in(root: Path, **overrides: object) -> Runtime:
    given = {
        "DEMO": False,
        "CQRS_DOMAINS": ["tests.console.bank:domain"],
        "SECRET_KEY": "kept in tests only, 0123456789 ab",
    }
    return build_runtime(load_settings({}, root=root, overrides={**given, **overrides}), (bank.domain,))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("migrated")
    runtime = runtime_in(root)
    runtime.init()
    runtime.close()
    return root / "instance"


@pytest.fixture
def make_app(tmp_path: Path, migrated: Path) -> Iterator[MakeApp]:
    """Each call is another process over the same database, with settings of its own."""
    shutil.copytree(migrated, tmp_path / "instance")
    runtimes: list[Runtime] = []

    def make(**overrides: object) -> Flask:
        runtimes.append(runtime_in(tmp_path, **overrides))
        app = console_over(runtimes[-1])
        # Tests click faster than anybody could; the one about the limit sets its own.
        app.extensions["projectionist"].rate_limit = RateLimit(lambda: 0.0, burst=math.inf)
        return app

    yield make
    for runtime in runtimes:
        runtime.close()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def runtime(app: Flask) -> Runtime:
    found: Runtime = app.extensions["projectionist"].runtime
    return found


@pytest.fixture
def viewer(app: Flask) -> Script:
    return Script(app, Role.VIEWER)


@pytest.fixture
def operator(app: Flask) -> Script:
    return Script(app, Role.OPERATOR)


@pytest.fixture
def ana(app: Flask) -> Browser:
    """An operator in a browser."""
    return Browser(app, "ana", Role.OPERATOR)
