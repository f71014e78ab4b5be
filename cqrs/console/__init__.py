"""The web console and its API. Knows no domain, no table and no SQL: it shows a Runtime."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Flask

from cqrs.console import (
    access,
    all_projections,
    audit,
    commands,
    current,
    drift,
    error_pages,
    event_types,
    events,
    failures,
    filters,
    fixed_addresses,
    headers,
    health,
    host_guard,
    jump,
    navigation,
    operations,
    overview,
    parked,
    patterns,
    preference_posts,
    projections,
    read_models,
    rendering,
    replays,
    schedules,
    security,
    sign_in,
    streams,
    system,
    trail,
)
from cqrs.console.addresses import PathKeyConverter, PositionConverter
from cqrs.console.api import audit as api_audit
from cqrs.console.api import checks as api_checks
from cqrs.console.api import commands as api_commands
from cqrs.console.api import drift as api_drift
from cqrs.console.api import event_types as api_event_types
from cqrs.console.api import events as api_events
from cqrs.console.api import failures as api_failures
from cqrs.console.api import openapi as api_openapi
from cqrs.console.api import operations as api_operations
from cqrs.console.api import projections as api_projections
from cqrs.console.api import queries as api_queries
from cqrs.console.api import read_models as api_read_models
from cqrs.console.api import schedules as api_schedules
from cqrs.console.api import streams as api_streams
from cqrs.console.api import system as api_system
from cqrs.console.json_provider import MessageJson
from cqrs.console.rate_limit import RateLimit
from cqrs.console.template_text import TemplateCompiler, text_of

if TYPE_CHECKING:
    from cqrs.runtime import Runtime

LARGEST_BODY = 1024 * 1024
PAGES = (
    overview, projections, all_projections, replays, failures, parked, operations, schedules, events, event_types,
    streams, read_models, drift, commands, audit, system, jump, patterns,
)  # fmt: skip
API = (
    api_commands, api_queries, api_events, api_event_types, api_streams, api_projections, api_failures, api_operations,
    api_checks, api_drift, api_schedules, api_read_models, api_audit, api_system, api_openapi
)  # fmt: skip
DOORS = (sign_in, preference_posts, health)


def create_console(app: Flask, runtime: Runtime) -> None:
    """Give a Flask application the console of a runtime. Opens no connection, starts no thread."""
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY, MAX_FORM_MEMORY_SIZE=LARGEST_BODY)
    app.json = MessageJson(app)
    console = current.Console(runtime=runtime, rate_limit=RateLimit(time.monotonic))
    console.json_roots |= {"api", "healthz", "readyz"}
    app.extensions[current.EXTENSION] = console
    app.url_map.converters.update(key=PathKeyConverter, position=PositionConverter)
    _add_views(app, console)
    _add_hooks(app)
    app.wsgi_app = host_guard.HostGuard(app.wsgi_app, host_guard.names_of(runtime.settings))  # type: ignore[method-assign]


def _add_views(app: Flask, console: current.Console) -> None:
    for module in (*DOORS, *PAGES, *API):
        app.register_blueprint(module.bp)
    for domain in console.runtime.catalogue.domains:
        if domain.routes is not None:
            blueprint = domain.routes(console.runtime)
            app.register_blueprint(blueprint)
            console.domain_blueprints.add(blueprint.name)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in console.domain_blueprints:
            console.json_roots |= {error_pages.first_segment(rule.rule)} - {""}
    if "static" in app.view_functions:
        app.view_functions["static"] = access.public(app.view_functions["static"])
    console.actions = access.actions_of(app)


def _add_hooks(app: Flask) -> None:
    """Hooks after a request run in reverse order: the audit row is written before headers are added."""
    error_pages.register(app)
    app.before_request(security.guard)
    app.after_request(headers.add_headers)
    app.after_request(trail.leave_row)
    app.url_defaults(rendering.add_version)
    app.context_processor(rendering.what_templates_know)
    app.context_processor(navigation.what_pages_know)
    app.jinja_env.globals["url_for"] = fixed_addresses.url_for
    app.jinja_env.finalize, app.jinja_env.code_generator_class = text_of, TemplateCompiler
    for filter_ in filters.FILTERS:
        app.add_template_filter(filter_, filter_.__name__)
