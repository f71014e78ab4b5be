"""Errors are for people: each is a sentence that says what happened and what to do, and the manual lists it."""

from __future__ import annotations

import ast
import inspect
import re
import string
from collections.abc import Iterator

import pytest

from cqrs import errors
from cqrs.errors import CqrsError
from tests.guards.layers import ROOT, sources

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, CqrsError)]

#: A full stop, or a command to copy behind a colon: a full stop there would be copied with it.
ENDING = re.compile(r"([.?]|: [^.]*[\w>}]|^\{\w+\})$")


@pytest.mark.parametrize("error", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_is_a_sentence(error: type[CqrsError]) -> None:
    text = " ".join((inspect.getdoc(error) or "").split())
    assert vars(error).get("__doc__"), "it needs a docstring of its own: its message"
    assert re.match(r"[A-Z{]", text), text
    assert ENDING.search(text), text


@pytest.mark.parametrize("error", CLASSES, ids=lambda cls: cls.__name__)
def test_the_facts_that_are_promised_are_told(error: type[CqrsError]) -> None:
    """What the class annotates can be read from an instance, so it must be among what the constructor is given."""
    if error.__init__ is not CqrsError.__init__:
        return
    fields = {field for _, field, _, _ in string.Formatter().parse(inspect.getdoc(error) or "") if field}
    assert all(field.isidentifier() for field in fields)
    filled = error(**dict.fromkeys(fields, "it"))
    assert "{" not in str(filled)


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """(module, error, names of the facts) for each place that makes an error."""
    plain = {cls.__name__ for cls in CLASSES if cls.__init__ is CqrsError.__init__}
    for module, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in plain:
                facts = {keyword.arg for keyword in node.keywords if keyword.arg}
                if len(facts) == len(node.keywords):
                    yield module, node.func.id, facts


@pytest.mark.parametrize(
    ("module", "name", "facts"), list(raised()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_whoever_raises_an_error_gives_all_its_facts(module: str, name: str, facts: set[str]) -> None:
    fields = {field for _, field, _, _ in string.Formatter().parse(getattr(errors, name).__doc__) if field}
    promised = set(getattr(errors, name).__annotations__)
    assert fields <= facts, f"{module} raises {name} without {fields - facts}"
    assert promised <= facts, f"{module} raises {name} without {promised - facts}"


@pytest.mark.parametrize("error", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_is_in_the_manual(error: type[CqrsError]) -> None:
    assert f"`{error.__name__}`" in (ROOT / "docs" / "errors.md").read_text()


def test_the_manual_lists_no_error_that_is_gone() -> None:
    listed = re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert set(listed) <= {cls.__name__ for cls in CLASSES}
    assert len(listed) == len(set(listed))
