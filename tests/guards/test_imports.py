"""The walls of the house: who may import whom. A wall that is in the way is moved on purpose, in `layers.py`."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys

import pytest

from tests.guards.layers import LAYERS, ROOT, concept, imported, layer_of, sources, upward

WEB = {"flask", "werkzeug", "jinja2", "markupsafe", "waitress", "blinker"}
WEB_ALLOWED = {
    "console",
    "cli",
    "cli_access",
    "cli_operations",
    "cli_parked",
    "cli_watching",
    "cli_output",
    "cli_schedules",
    "serving",
    "access_log",
    "example",
    "app",
}
WITH_CODE = {"cqrs", "cqrs.console", "cqrs.example"}

MODULES = sources()


def top_level(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_layer(module: str) -> None:
    assert layer_of(concept(module)) >= 0, f"say in tests/guards/layers.py to which layer {module} belongs"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    assert upward(module, imported(MODULES[module])) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("cqrs.messages", "from cqrs.store.records import NewEvent"),
        ("cqrs.store.sql", "from cqrs.mediator import Mediator"),
        ("cqrs.mediator", "from cqrs.projections.projection import on"),
        ("cqrs.projections.engine", "import cqrs.unit_of_work"),
        ("cqrs.runtime", "from cqrs.console import rendering"),
        ("cqrs.console.events", "from cqrs.example.users import User"),
        ("cqrs.store.sql", "from cqrs import Event"),
        ("cqrs.workers.leases", "def late():\n    from cqrs.runtime import Runtime"),
        ("cqrs.runtime", "from cqrs.workers.worker import Worker"),
    ],
)
def test_an_import_that_points_the_wrong_way_is_seen(module: str, line: str) -> None:
    assert len(upward(module, imported(ast.parse(line)))) == 1


def test_each_layer_names_different_things() -> None:
    names = [name for layer in LAYERS for name in layer]
    assert len(names) == len(set(names))


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    known = {
        module: {target for name in imported(tree) for target in _modules(name)} for module, tree in MODULES.items()
    }
    for module, targets in known.items():
        targets.discard(module)
    list(graphlib.TopologicalSorter(known).static_order())


def _modules(name: str) -> list[str]:
    """`from cqrs.a import b` is an import of module cqrs.a.b when there is one, else of cqrs.a."""
    for candidate in (name, name.rpartition(".")[0]):
        if candidate in MODULES:
            return [candidate]
    return []


@pytest.mark.parametrize("module", [module for module in MODULES if concept(module) not in WEB_ALLOWED])
def test_the_core_knows_no_web_framework(module: str) -> None:
    assert WEB.isdisjoint(map(top_level, imported(MODULES[module])))


def test_importing_the_package_loads_no_web_framework() -> None:
    names = [m for m in MODULES if concept(m) not in WEB_ALLOWED]
    loaded = WEB - {"markupsafe"}  # Alembic's templates load it
    code = f"import sys, {', '.join(names)}; print(sorted({loaded!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", [module for module in MODULES if concept(module) == "console"])
def test_the_console_knows_no_database(module: str) -> None:
    names = list(imported(MODULES[module]))
    assert "sqlalchemy" not in map(top_level, names)
    assert not [name for name in names if name.startswith("cqrs.") and ".tables" in name]


@pytest.mark.parametrize("module", [module for module in MODULES if concept(module) not in WEB_ALLOWED])
def test_nothing_inside_imports_through_the_root_of_the_package(module: str) -> None:
    nodes = list(ast.walk(MODULES[module]))
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "cqrs"]
    assert "cqrs" not in [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]


@pytest.mark.parametrize("module", [module for module in MODULES if concept(module) not in WEB_ALLOWED])
def test_no_import_of_the_core_is_hidden_from_the_running_program(module: str) -> None:
    """An import under TYPE_CHECKING is a dependency all the same; elsewhere it is counted like any other."""
    names = {getattr(node, "id", getattr(node, "attr", None)) for node in ast.walk(MODULES[module])}
    assert "TYPE_CHECKING" not in names


def test_inner_packages_hold_only_a_docstring() -> None:
    for path in (ROOT / "cqrs").rglob("__init__.py"):
        module = ".".join(path.parent.relative_to(ROOT).parts)
        body = MODULES[module].body
        if module not in WITH_CODE:
            assert all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body), module
