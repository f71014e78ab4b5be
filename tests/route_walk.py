"""Every address the console answers, read from the routes that are registered: nobody has to add a page to a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Flask
from werkzeug.routing import Rule

from cqrs.runtime import Runtime

#: Rows, keys, streams and events of one kind that a walk opens; all of them would say the same.
MOST = 200


def pages(app: Flask, runtime: Runtime, most: int = MOST) -> list[str]:
    """Addresses of the pages of people, filled with what this runtime has to show."""
    return [
        address
        for rule in reading(app)
        if not rule.rule.startswith(("/api/", "/static/", "/healthz", "/readyz")) and not of_a_domain(app, rule)
        for address in addresses(app, runtime, rule, most)
    ]


def answers(app: Flask, runtime: Runtime, most: int = MOST) -> list[str]:
    """The same for programs."""
    return [
        address
        for rule in reading(app)
        if rule.rule.startswith("/api/")
        for address in addresses(app, runtime, rule, most)
    ]


def reading(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]


def of_a_domain(app: Flask, rule: Rule) -> bool:
    return rule.endpoint.partition(".")[0] in app.extensions["projectionist"].domain_blueprints


def addresses(app: Flask, runtime: Runtime, rule: Rule, most: int) -> Iterator[str]:
    with app.test_request_context():
        for values in fillings(runtime, rule, most):
            yield app.url_map.bind("localhost").build(rule.endpoint, values, method="GET")


def fillings(runtime: Runtime, rule: Rule, most: int) -> Iterator[dict[str, object]]:
    """Raises KeyError for an argument that nobody has told this walk about."""
    arguments = rule.arguments
    if not arguments:
        yield {}
    elif arguments == {"name"}:
        yield from ({"name": name} for name in names(runtime, rule, most))
    elif "key" in arguments:
        yield from (
            {"name": name, "key": key} for name in runtime.projections.names() for key in keys(runtime, name, most)
        )
    else:
        (argument,) = arguments
        yield from ({argument: value} for value in FOUND[argument](runtime, rule, most))


def names(runtime: Runtime, rule: Rule, most: int) -> Sequence[str]:
    catalogue = runtime.catalogue
    if "event-types" in rule.rule:
        return list(dict.fromkeys(event.type for event in runtime.events.read_back(limit=most)))
    if "commands" in rule.rule:
        return list(catalogue.commands)
    if "queries" in rule.rule:
        return list(catalogue.queries)
    return runtime.projections.names()


def keys(runtime: Runtime, name: str, most: int) -> list[str]:
    return [row.key for row in runtime.read_models.page(name, limit=most).rows]


def positions(runtime: Runtime, rule: Rule, most: int) -> list[int]:
    return [event.position for event in runtime.events.read_back(limit=most)]


def streams(runtime: Runtime, rule: Rule, most: int) -> list[str]:
    return list(dict.fromkeys(event.stream for event in runtime.events.read_back(limit=most)))


def identities(runtime: Runtime, rule: Rule, most: int) -> list[str]:
    if "operations" in rule.rule:
        return [operation.id for operation in runtime.operations.page(limit=most)]
    if "schedules" in rule.rule:
        return [status.schedule.id for status in runtime.schedules.all()][:most]
    return [check.id for check in runtime.checks.page(limit=most)]


FOUND = {"position": positions, "stream": streams, "identity": identities}
