"""The description of the API matches what is there."""

from __future__ import annotations

import re

from flask import Flask

from tests.console.browser import Script


def test_every_route_of_the_api_is_described(app: Flask, viewer: Script) -> None:
    described = viewer.get("/api/openapi.json").json["paths"]
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("api_") and rule.endpoint not in ("api_commands.send", "api_queries.ask"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert method.lower() in described[path], path


def test_commands_and_queries_come_with_their_fields(viewer: Script) -> None:
    paths = viewer.get("/api/openapi.json").json["paths"]
    command = paths["/api/commands/Deposit"]["post"]
    schema = command["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["account_id", "amount"]
    query = paths["/api/queries/GetBalance"]["get"]
    assert [parameter["name"] for parameter in query["parameters"]] == [
        "account_id",
        "places",
        "min_position",
        "timeout_ms",
    ]


def test_names_of_operations_are_unique(viewer: Script) -> None:
    paths = viewer.get("/api/openapi.json").json["paths"]
    names = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(names) == len(set(names))
