"""Our own way to write values into templates writes what Jinja's would."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from flask import Flask
from jinja2 import UndefinedError
from markupsafe import Markup, escape

from cqrs.console.template_text import text_of
from cqrs.console.visible_text import visible

MEANT = "<script>alert(1)</script>", "a & b", '" onclick="x', "{{ 7 * 7 }}", "", "plain text, of 20 %"


def written(app: Flask, template: str, **values: object) -> str:
    return app.jinja_env.from_string(template).render(values)


def test_every_character_is_written_as_it_may_stand_in_a_page() -> None:
    for point in itertools.chain(range(0x3100), range(0xD7F0, 0xE010), range(0xFE00, 0x10010)):
        assert text_of(chr(point)) == str(escape(visible(chr(point)))), hex(point)


@pytest.mark.parametrize("value", [*MEANT, None, 7, Decimal("1.50"), True, Markup("<b>bold</b>"), ["<i>"]])
@pytest.mark.parametrize("around", ["<p>%s</p>", '<p title="%s">'])
def test_values_are_escaped_once(app: Flask, around: str, value: object) -> None:
    assert written(app, around % "{{ x }}", x=value) == around % escape(value)


def test_what_a_macro_wrote_is_not_escaped_again(app: Flask) -> None:
    macro = "{% macro bold(it) %}<b>{{ it }}</b>{% endmacro %}{% set kept %}<i>{{ x }}</i>{% endset %}"
    assert written(app, macro + "{{ bold(x) }}{{ kept }}", x="<&>") == "<b>&lt;&amp;&gt;</b><i>&lt;&amp;&gt;</i>"


def test_what_a_template_says_itself_is_escaped_too(app: Flask) -> None:
    assert written(app, "{{ '<' }}{{ 'a' ~ x }}{{ x|e }}{{ x|upper }}", x="<b>") == "&lt;a&lt;b&gt;&lt;b&gt;&lt;B&gt;"


def test_a_name_that_is_missing_is_an_error(app: Flask) -> None:
    with pytest.raises(UndefinedError):
        written(app, "{{ missing.part }}")
