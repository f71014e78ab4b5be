"""Reads who imports whom from the source, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import cqrs

ROOT = Path(__file__).parents[2]

#: A module may import from its own layer and from those above it; a package counts as its name, but for the modules
#: that are named here with their package.
LAYERS = (
    {"errors", "clock", "identifiers", "interpreter", "version"},
    {"messages", "values", "json_text", "validation", "fields", "message_checks", "masking"},
    {"settings", "secret_key", "setting_values", "shown_settings", "log_lines"},
    {"store", "readmodels"},
    {"dispatch", "queries", "aggregates", "unit_of_work", "middleware", "mediator", "projections", "drift"},
    {"domain", "operators", "workers", "streams", "requests"},
    {"runtime"},
    {"testing", "demo", "workers.worker", "workers.jobs", "workers.scheduler", "system_report"},
    {"cqrs"},
    {
        "console",
        "cli",
        "cli_access",
        "cli_operations",
        "cli_output",
        "cli_parked",
        "cli_schedules",
        "cli_watching",
        "serving",
        "access_log",
    },
    {"example"},
    {"app"},
)
WRITE_SIDE = {"dispatch", "queries", "aggregates", "unit_of_work", "middleware", "mediator"}
READ_SIDE = {"projections", "drift"}


PUBLIC = set(cqrs.__all__)


@cache
def sources() -> dict[str, ast.Module]:
    """Every module by its dotted name; nobody changes them."""
    files = [ROOT / "app.py", *(ROOT / "cqrs").rglob("*.py")]
    return {dotted(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files if path.exists()}


def dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module named in an import, also within functions; `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def concept(module: str) -> str:
    """What a dotted name counts as: `cqrs.store.sql` is `store`, the package and its public names are `cqrs`."""
    first, *rest = module.split(".")
    if first != "cqrs" or not rest or rest[0] in PUBLIC:
        return first
    precise = ".".join(rest[:2])
    return precise if layer_of(precise) >= 0 else rest[0]


def layer_of(name: str) -> int:
    return next((n for n, layer in enumerate(LAYERS) if name in layer), -1)


def upward(module: str, imports: Iterable[str]) -> list[str]:
    """The imports that point the wrong way, or at nothing that has a layer."""
    importer = concept(module)
    wrong = []
    for name in imports:
        if name != "cqrs" and not name.startswith("cqrs."):
            continue
        target = concept(name)
        sides = {importer, target}
        across = sides & WRITE_SIDE and sides & READ_SIDE
        if not 0 <= layer_of(target) <= layer_of(importer) or across:
            wrong.append(f"{module} imports {name}")
    return wrong
