from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs.example import domain
from cqrs.runtime import Runtime
from cqrs.testing import Scenario, temporary_runtime


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """The example on a database of its own; nothing is projected before a test says `catch_up`."""
    with temporary_runtime(tmp_path, domain) as runtime:
        yield runtime


@pytest.fixture
def scenario() -> Scenario:
    """For commands that only load aggregates and append: the log is in memory."""
    return Scenario(domain)


@pytest.fixture
def stored_scenario(runtime: Runtime) -> Scenario:
    """For commands that change the credentials as well."""
    return Scenario(runtime)
