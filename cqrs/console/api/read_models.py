"""Rows of read models."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import json_answer
from cqrs.console.access import needs
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.masking import masked_fields
from cqrs.console.parameters import Parameters
from cqrs.console.row_query import filters_of
from cqrs.console.unmasking import PARAMETER as UNMASK
from cqrs.console.unmasking import unmask_asked
from cqrs.errors import NotFound
from cqrs.messages import Role
from cqrs.readmodels.reading import ReadModel

bp = Blueprint("api_read_models", __name__, url_prefix="/api/read-models")

#: Parameters that are no columns.
MINE = ("sort", "cursor", "limit", "format", UNMASK)


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    asked = Parameters(request.args)
    form = format_of(asked)
    asked.check()
    items = [model_json(model) for model in runtime().read_models.list()]
    return send_list("read_models", items, None, form=form, columns=("name", "title", "projection", "generation"))


@bp.get("/<name>")
@needs(Role.VIEWER)
def rows(name: str) -> Response:
    """Rows by key, or by the column that `sort` names; a leading hyphen turns the order round.

    A parameter named by a column is a value of it; with .from, .to, .begins, .contains or .null it compares otherwise.
    """
    model = known(name)
    asked = Parameters(request.args)
    form, limit, unmasked = format_of(asked), asked.limit(), unmask_asked(asked)
    sort, cursor = asked.text("sort"), asked.text("cursor")
    filters = filters_of(asked, MINE)
    asked.check()
    page = runtime().read_models.page(name, filters=filters, sort=sort, cursor=cursor, limit=limit)
    return send_list(
        "rows",
        [shown(row.values, unmasked) for row in page.rows],
        page.next,
        form=form,
        columns=[column.name for column in model.columns],
        count={"value": page.count.value, "capped": page.count.capped},
        searched=None if page.searched is None else {"rows": page.searched.rows, "by": page.searched.by},
        position=page.position,
        as_of=page.as_of,
    )


@bp.get("/<name>/rows/<key:key>")
@needs(Role.VIEWER)
def row(name: str, key: str) -> Response:
    known(name)
    asked = Parameters(request.args)
    unmasked = unmask_asked(asked)
    asked.check()
    found = runtime().read_models.row(name, key)
    if found is None:
        raise NotFound(what=f"row of {name} with the key", name=key)
    headers = {} if found.position is None else {"X-Position": str(found.position)}
    return json_answer.send(shown(found.values, unmasked), headers=headers)


def known(name: str) -> ReadModel:
    """Raises NotFound."""
    model = next((model for model in runtime().read_models.list() if model.name == name), None)
    if model is None:
        raise NotFound(what="read model", name=name)
    return model


def shown(values: dict[str, Any], unmasked: bool) -> dict[str, Any]:
    return values if unmasked else masked_fields(values)


def model_json(model: ReadModel) -> dict[str, Any]:
    columns = [
        {"name": column.name, "type": column.type_text, "key": column.primary_key, "nullable": column.nullable}
        for column in model.columns
    ]
    return {
        "name": model.name,
        "title": model.title,
        "projection": model.projection,
        "generation": model.generation,
        "columns": columns,
    }
