"""The example over databases of its own, once for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cqrs.example import domain
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import load_settings
from cqrs.testing import Scenario, temporary_runtime


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an example without events; copying them is quicker than making all tables for each test."""
    root = tmp_path_factory.mktemp("made")
    with temporary_runtime(root, domain):
        return root / "instance"


@contextmanager
def copied_runtime(made: Path, root: Path) -> Iterator[Runtime]:
    shutil.copytree(made, root / "instance")
    runtime = build_runtime(load_settings({}, root=root, overrides={"DEMO": "0"}), [domain])
    with runtime.main.relaxed():
        yield runtime
    runtime.close()


@pytest.fixture
def runtime(made: Path, tmp_path: Path) -> Iterator[Runtime]:
    """The example on a database of its own; nothing is projected before a test says `catch_up`."""
    with copied_runtime(made, tmp_path) as runtime:
        yield runtime


@pytest.fixture(scope="module")
def idle_runtime(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """One for all tests of a module that change nothing."""
    with copied_runtime(made, tmp_path_factory.mktemp("idle")) as runtime:
        yield runtime


@pytest.fixture
def scenario() -> Scenario:
    """For commands that only load aggregates and append: the log is in memory."""
    return Scenario(domain)


@pytest.fixture
def stored_scenario(runtime: Runtime) -> Scenario:
    """For commands that change the credentials as well."""
    return Scenario(runtime)
