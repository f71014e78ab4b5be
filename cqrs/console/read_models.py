"""What readers query: all read models, the rows of one, and one row with the events that made it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, request, url_for

from cqrs.console import current, navigation, row_query, toasts, trail
from cqrs.console.access import needs
from cqrs.console.links import tidied, with_query
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.console.replays import reason_given
from cqrs.console.row_list import row_list, rows_asked_for
from cqrs.console.row_page import row_page
from cqrs.console.row_query import COLUMN, CURSOR, SORT
from cqrs.errors import InvalidMessage, NotFound
from cqrs.messages import Role
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from cqrs.readmodels.reading import ReadModel
    from cqrs.store.reports import Count

bp = Blueprint("read_models", __name__)


@dataclass(frozen=True, slots=True)
class ModelRow:
    model: ReadModel
    status: ProjectionStatus | None
    #: None before the first generation.
    rows: Count | None
    key: Sequence[str]
    others: Sequence[str]


@dataclass(frozen=True, slots=True)
class ModelList:
    models: Sequence[ModelRow]


@bp.get("/read-models")
@needs(Role.VIEWER)
def index() -> Response:
    by_name = {status.name: status for status in navigation.states()}
    read_models = current.runtime().read_models
    counts = read_models.counts()
    models = [_model_row(model, by_name.get(model.projection), counts.get(model.name)) for model in read_models.list()]
    return render("read_models/index.html", tag=navigation.tag(), follow=True, page=ModelList(models))


@bp.get("/read-models/<name>")
@needs(Role.VIEWER)
def show(name: str) -> AnyResponse:
    tidy = None if COLUMN in request.args else tidied()
    if tidy is not None:
        return tidy
    why_not = row_query.why_not_sorted(_model(name).columns) if SORT in request.args else None
    if why_not is not None:
        kept = {key: value for key, value in request.args.items() if key not in (SORT, CURSOR)}
        unsorted = see_other(with_query(url_for("read_models.show", name=name), kept))
        return toasts.leave(unsorted, toasts.Toast(why_not, state="warn"))
    try:
        add = row_query.added()
        if add is not None:
            return add
        found = rows_asked_for(name, Parameters(request.args))
    except InvalidMessage as error:
        model = _model(name)
        page = row_list(model, _status(model), None, error.errors)
        return render("read_models/show.html", 422, follow=False, page=page)
    page = row_list(found.model, _status(found.model), found, {})
    return render("read_models/show.html", tag=navigation.tag(), follow=CURSOR not in request.args, page=page)


@bp.get("/read-models/<name>/rows/<key:key>")
@needs(Role.VIEWER)
def row(name: str, key: str) -> Response:
    """Not drawn again by itself: its events are folded each time."""
    model = _model(name)
    return render("read_models/row.html", follow=False, page=row_page(model, key, _status(model)))


@bp.post("/read-models/<name>/rows/<key:key>/repair")
@needs(Role.OPERATOR, action="repair")
def repair(name: str, key: str) -> Response:
    """Raises NotFound, NotKeyed, OperationInTheWay."""
    model, reason = _model(name), reason_given()
    trail.note(target=name, reason=reason, detail={"key": key})
    begun = current.runtime().start_repair(model.projection, actor=actor(), keys=[key], reason=reason)
    return see_other(url_for("operations.show", identity=begun.id))


def _model(name: str) -> ReadModel:
    """Raises NotFound: names come from the address."""
    model = next((model for model in current.runtime().read_models.list() if model.name == name), None)
    if model is None:
        raise NotFound(what="read model", name=name)
    return model


def _model_row(model: ReadModel, status: ProjectionStatus | None, rows: Count | None) -> ModelRow:
    key = [column.name for column in model.columns if column.primary_key]
    return ModelRow(model, status, rows, key, [column.name for column in model.columns if not column.primary_key])


def _status(model: ReadModel) -> ProjectionStatus | None:
    return next((status for status in navigation.states() if status.name == model.projection), None)
