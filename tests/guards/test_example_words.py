"""The console and the core know no domain: words of the example stand in the example only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from cqrs.example import domain
from cqrs.messages import event_name, message_name
from tests.guards.layers import ROOT, concept, sources

#: The page of patterns shows every component with invented contents.
INVENTED = "patterns"

MODULES = {
    name: tree
    for name, tree in sources().items()
    if concept(name) not in {"example", "app", "settings"} and name != f"cqrs.console.{INVENTED}"
}
TEMPLATES = [path for path in (ROOT / "templates").rglob("*.html") if not {"example", INVENTED} & set(path.parts)]

#: Names that are words of the console as well.
COMMON = {"users", "orders"}


def example_words() -> set[str]:
    names = {event_name(cls) for cls in domain.events}
    names |= {message_name(cls) for cls in (*domain.command_handlers, *domain.query_handlers)}
    names |= {projection.name for projection in domain.projections} | {table.name for table in domain.write_models}
    names |= {field for cls in domain.events for field in cls.__struct_fields__ if "_" in field}
    return (names - COMMON) | {"cqrs.example"}


WORD = re.compile(r"\b(" + "|".join(sorted(map(re.escape, example_words()))) + r")\b")


def words_of(tree: ast.Module) -> Iterator[str]:
    """Names and texts of the program; docstrings may give examples."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in documentation:
                yield text
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text) | ast.alias(name=text):
                yield text
            case ast.FunctionDef(name=text) | ast.ClassDef(name=text):
                yield text


@pytest.mark.parametrize("module", MODULES)
def test_code_outside_the_example_does_not_know_it(module: str) -> None:
    assert [text for text in words_of(MODULES[module]) if WORD.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_outside_the_example_do_not_know_it(path: object) -> None:
    assert isinstance(path, type(ROOT))
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert WORD.findall(text) == []


def test_a_word_of_the_example_is_seen() -> None:
    tree = ast.parse('"""PlaceOrder"""\ndef f(x):\n    "user_stats"\n    return x["user_stats"], x.PlaceOrder, "city"')
    assert {text for text in words_of(tree) if WORD.search(text)} == {"user_stats", "PlaceOrder"}
