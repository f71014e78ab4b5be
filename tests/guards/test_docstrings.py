"""Each module says in a sentence what it is: whoever looks for something reads that first."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.guards.layers import ROOT

MODULES = sorted(
    path.relative_to(ROOT) for folder in ("cqrs", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_what_it_is(module: Path) -> None:
    assert (ast.get_docstring(ast.parse((ROOT / module).read_text())) or "").strip()
