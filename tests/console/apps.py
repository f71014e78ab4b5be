"""The console over a runtime, as tests make it by the hundred: what is the same in each is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from cqrs.console import create_console
from cqrs.runtime import Runtime

ROOT = Path(__file__).parents[2]


class CompiledTemplates(BytecodeCache):
    """Compiling those of one page takes longer than most tests."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


class CompiledRule(Rule):
    """Building the addresses of all routes is compiled, too: most of what a new app takes."""

    compiled: dict[tuple[str, str, bool], Callable[..., Any]] = {}  # noqa: RUF012  # of the class on purpose

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Any]:
        key = (self.rule, repr(self.defaults), append_unknown)
        if key not in self.compiled:
            self.compiled[key] = super()._compile_builder(append_unknown)
        return self.compiled[key]


class App(Flask):
    url_rule_class = CompiledRule


TEMPLATES = CompiledTemplates()


def console_over(runtime: Runtime, *, debug: bool = False) -> Flask:
    app = App("console", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.debug = debug
    create_console(app, runtime)
    app.jinja_env.bytecode_cache = TEMPLATES
    return app
