"""Rules that hold for every template, style sheet and script, whatever page they belong to."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from flask import Flask

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static/css").glob("*.css"))
SCRIPT = ROOT / "static/js/console.js"
VENDOR = ROOT / "static/vendor"

#: What the content security policy would block, what a script would have to evaluate, and what trusts data.
FORBIDDEN = {
    "an inline style": r"""\sstyle\s*=""",
    "a style element": r"<style\b",
    "an inline script": r"<script(?![^>]*\bsrc=)",
    "an inline handler": r"""\son[a-z]+\s*=""",
    "an evaluated attribute": r"\bhx-on\b|\bjs:|hx-vals|hx-trigger=\"[^\"]*\[",
    "trust in data": r"\|\s*safe\b|Markup|autoescape",
    "an address on another host": r"""(?:href|src|action)=["']?(?:https?:)?//""",
    "a read that changes something": r"<a [^>]*href=[^>]*(?:pause|resume|sign_out)'\)",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("template", TEMPLATES, ids=name)
def test_templates_keep_to_the_policy(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", template.read_text(), flags=re.DOTALL)
    found = {what: re.findall(pattern, text) for what, pattern in FORBIDDEN.items() if re.search(pattern, text)}
    assert found == {}


@pytest.mark.parametrize("template", TEMPLATES, ids=name)
def test_templates_compile(template: Path, app: Flask) -> None:
    app.jinja_env.get_template(template.relative_to(ROOT / "templates").as_posix())


@pytest.mark.parametrize("template", TEMPLATES, ids=name)
def test_every_form_that_posts_proves_where_it_comes_from(template: Path) -> None:
    """Signing in is the one form that nobody could have a token for."""
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", template.read_text(), flags=re.DOTALL):
        assert "csrf_token" in form or "sign_in.submit" in form


@pytest.mark.parametrize("template", TEMPLATES, ids=name)
def test_a_field_keeps_what_was_typed_as_it_is(template: Path) -> None:
    """Only `|e` leaves a value alone: anything else would write out what cannot be seen, and send that back."""
    for field in re.findall(r"<input\b[^>]*>", template.read_text()):
        typed = re.search(r'type="(?!text)', field) is None and re.search(r'value="{{(.*?)}}"', field)
        assert not typed or typed[1].rstrip().endswith("|e"), field


@pytest.mark.parametrize("template", TEMPLATES, ids=name)
def test_tables_say_what_they_are(template: Path) -> None:
    text = template.read_text()
    for table in re.findall(r"<table.*?</table>", text, flags=re.DOTALL):
        assert "<caption" in table
        assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", table))


@pytest.mark.parametrize("style", STYLES, ids=name)
def test_styles_load_nothing_from_elsewhere_and_name_colours_only_as_tokens(style: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", style.read_text(), flags=re.DOTALL)
    assert "url(" not in text
    assert "@import" not in text
    if style.name != "tokens.css":
        assert re.findall(r"#[0-9a-f]{6}\b|rgb\(", text) == []


@pytest.mark.parametrize("style", STYLES, ids=name)
def test_styles_use_only_tokens_that_exist(style: Path) -> None:
    defined = {"--state", "--tint", "--stroke"} | set(re.findall(r"(--[a-z0-9-]+):", STYLES[-1].read_text()))
    assert STYLES[-1].name == "tokens.css"
    assert set(re.findall(r"var\((--[a-z0-9-]+)", style.read_text())) <= defined


def test_the_script_stays_small_and_evaluates_nothing() -> None:
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 300
    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text)


def test_vendored_files_are_the_ones_their_list_names() -> None:
    rows = re.findall(r"\| `([^`]+)` \| .*? \| .*? \| `([0-9a-f]{64})` \|", (VENDOR / "VERSIONS.md").read_text())
    assert {file for file, _ in rows} == {path.name for path in VENDOR.glob("*.js")}
    for file, digest in rows:
        assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == digest


def test_every_class_that_a_style_names_is_used() -> None:
    """Dead rules are how a style sheet becomes one that nobody dares to touch."""
    styles = re.sub(r"/\*.*?\*/", "", "".join(style.read_text() for style in STYLES), flags=re.DOTALL)
    named = set(re.findall(r"\.([a-z][a-z0-9-]*)", re.sub(r"\d\.\d+|\.\d+", "", styles)))
    used = "".join(template.read_text() for template in TEMPLATES) + SCRIPT.read_text()
    assert sorted(each for each in named if not re.search(rf"\b{each}\b", used)) == []
