"""The description of this API in OpenAPI 3.1, made from the routes there are and the messages the domains have."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app
from werkzeug.routing import Rule

from cqrs.console import json_answer
from cqrs.console.access import access_of, needs
from cqrs.console.current import runtime
from cqrs.fields import json_schema
from cqrs.messages import Message, Role

bp = Blueprint("api_openapi", __name__, url_prefix="/api")

VARIABLE = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
DRY_RUN = ({"name": "dry_run", "in": "query", "schema": {"enum": ["0", "1"]}},)
#: Besides commands.
WITH_DRY_RUN = ("api_checks.repair",)
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}


@bp.get("/openapi.json")
@needs(Role.VIEWER)
def show() -> Response:
    return json_answer.send(describe())


def describe() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for address, method, operation in (*routes(), *commands(), *queries()):
        paths.setdefault(address, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Projectionist", "version": "1"},
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": ERROR},
        },
    }


def routes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """All addresses of programs but those that stand for one command or query each."""
    for rule in current_app.url_map.iter_rules():
        if not rule.endpoint.startswith("api_") or rule.endpoint in ("api_commands.send", "api_queries.ask"):
            continue
        for method in METHODS:
            if method in (rule.methods or ()):
                yield VARIABLE.sub(r"{\1}", rule.rule), method, _operation(rule, method)


def _operation(rule: Rule, method: str) -> dict[str, Any]:
    view = current_app.view_functions[rule.endpoint]
    access = access_of(current_app, rule.endpoint, method)
    variables = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in VARIABLE.findall(rule.rule)
    ]
    return {
        "operationId": f"{rule.endpoint.removeprefix('api_')}.{method.lower()}",
        "summary": inspect.getdoc(view) or inspect.getdoc(inspect.getmodule(view)) or "",
        "description": f"Needs the role {access.role}." if access else "",
        "parameters": [*variables, *(DRY_RUN if rule.endpoint in WITH_DRY_RUN else ())],
        "responses": _responses("200"),
    }


def commands() -> Iterator[tuple[str, str, dict[str, Any]]]:
    headers = [
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}},
        {"name": "If-Match", "in": "header", "schema": {"type": "string"}},
        *DRY_RUN,
    ]
    for name, cls in sorted(runtime().catalogue.commands.items()):
        operation = _message(name, cls, headers, "201")
        operation["requestBody"] = {"required": True, "content": {json_answer.TYPE: {"schema": json_schema(cls)}}}
        yield f"/api/commands/{name}", "POST", operation


def queries() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, cls in sorted(runtime().catalogue.queries.items()):
        schema = json_schema(cls)
        fields = [
            {"name": field, "in": "query", "required": field in schema.get("required", ()), "schema": shape}
            for field, shape in schema.get("properties", {}).items()
        ]
        waiting = [
            {"name": field, "in": "query", "schema": {"type": "integer"}} for field in ("min_position", "timeout_ms")
        ]
        yield f"/api/queries/{name}", "GET", _message(name, cls, [*fields, *waiting], "200")


def _message(name: str, cls: type[Message], parameters: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": (inspect.getdoc(cls) or name).partition("\n")[0],
        "parameters": parameters,
        "responses": _responses(status),
    }


def _responses(status: str) -> dict[str, Any]:
    failed = {"$ref": "#/components/schemas/Error"}
    return {
        status: {"description": "Done", "content": {json_answer.TYPE: {}}},
        "default": {"description": "Refused or failed", "content": {json_answer.TYPE: {"schema": failed}}},
    }
