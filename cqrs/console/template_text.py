"""What `{{ value }}` becomes in every template: text whose hidden characters are seen, and that cannot be markup.

A page of rows writes a thousand values, nearly all of them plain. Jinja would make an object of each that says it is
safe; a template joins texts in the end, so the plain ones are handed on as they are.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import escape

from cqrs.console.visible_text import visible

#: Anything but the characters of ASCII that are seen and mean nothing in HTML.
NOT_PLAIN = re.compile(r"[^ !#-%(-;=?-~]")


def text_of(value: Any) -> str:
    if type(value) is str and not NOT_PLAIN.search(value):
        return value
    return escape(visible(value))


class TemplateCompiler(CodeGenerator):
    """For an environment whose `finalize` is `text_of`: that escapes, so nothing is escaped again."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write("environment.finalize(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(")")
