"""What readers query: all read models, the rows of one, and one row with the events that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import Blueprint, request, url_for

from cqrs.console import current, masking, navigation, trail
from cqrs.console.access import needs
from cqrs.console.filters import number
from cqrs.console.links import tidied, with_query
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.console.replays import reason_given
from cqrs.console.row_page import row_page
from cqrs.errors import InvalidMessage, NotFound
from cqrs.messages import Role
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from cqrs.readmodels.reading import Column, ReadModel, Row, RowPage

bp = Blueprint("read_models", __name__)

#: Columns with a filter that is not folded away; the template cuts at the same place.
SHOWN_FILTERS = 6


@dataclass(frozen=True, slots=True)
class Behind:
    """Why rows are not as new as the log."""

    state: str
    fact: str
    consequence: str
    link: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    model: ReadModel
    status: ProjectionStatus | None
    key: Sequence[str]
    others: Sequence[str]


@dataclass(frozen=True, slots=True)
class ModelList:
    models: Sequence[ModelRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowList:
    model: ReadModel
    warning: Behind | None
    filters: Mapping[str, str]
    errors: Mapping[str, Sequence[str]]
    #: None when the filter cannot be used.
    rows: RowPage | None
    sort: str | None
    sorted_by: str
    #: By column: "ascending", "descending" or None; the address that sorts by it; the one without its filter.
    order: Mapping[str, str | None]
    sorts: Mapping[str, str]
    without: Mapping[str, str]
    first: str | None
    more: str | None

    @property
    def has_text(self) -> bool:
        return any(column.type_text == "text" for column in self.model.columns)

    @property
    def filters_folded(self) -> bool:
        """Whether a filter in use is not among those a page shows at once."""
        return any(column.name in self.filters for column in self.model.columns[SHOWN_FILTERS:])


@bp.get("/read-models")
@needs(Role.VIEWER)
def index() -> Response:
    by_name = {status.name: status for status in navigation.statuses()}
    models = [_model_row(model, by_name.get(model.projection)) for model in current.runtime().read_models.list()]
    return render("read_models/index.html", tag=navigation.tag(), follow=True, page=ModelList(models))


@bp.get("/read-models/<name>")
@needs(Role.VIEWER)
def show(name: str) -> AnyResponse:
    model = _model(name)
    tidy = tidied()
    if tidy is not None:
        return tidy
    asked = Parameters(request.args)
    cursor = asked.text("cursor")
    try:
        page = _rows(model, asked, cursor)
    except InvalidMessage as error:
        return render("read_models/show.html", 422, follow=False, page=_list(model, None, error.errors))
    return render("read_models/show.html", tag=navigation.tag(), follow=cursor is None, page=page)


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


def _model_row(model: ReadModel, status: ProjectionStatus | None) -> ModelRow:
    key = [column.name for column in model.columns if column.primary_key]
    return ModelRow(model, status, key, [column.name for column in model.columns if not column.primary_key])


def _rows(model: ReadModel, asked: Parameters, cursor: str | None) -> RowList:
    filters = {name: asked.text(name) or "" for name in request.args if name not in ("sort", "cursor")}
    sort = asked.text("sort")
    asked.check()
    found = current.runtime().read_models.page(model.name, filters=filters, sort=sort, cursor=cursor)
    return _list(model, replace(found, rows=[_shown(each) for each in found.rows]), {})


def _shown(row: Row) -> Row:
    values = masking.masked(row.values)
    return replace(row, values=values if isinstance(values, dict) else {})


def _list(model: ReadModel, found: RowPage | None, errors: Mapping[str, Sequence[str]]) -> RowList:
    names = [column.name for column in model.columns]
    sort = request.args.get("sort")
    filters = {name: request.args[name] for name in names if request.args.get(name)}
    return RowList(
        model=model,
        warning=_warning(_status(model)),
        filters=filters,
        errors=errors,
        rows=found,
        sort=sort,
        sorted_by=_sorted_by(sort, model.columns),
        order={name: _order(name, sort) for name in names},
        sorts={name: _address(model, sort=f"-{name}" if sort == name else name, cursor=None) for name in names},
        without={name: _address(model, cursor=None, **{name: None}) for name in filters},
        first=_address(model, cursor=None) if request.args.get("cursor") else None,
        more=_address(model, cursor=found.next) if found is not None and found.next else None,
    )


def _address(model: ReadModel, **changes: str | None) -> str:
    names = {"sort", "cursor", *(column.name for column in model.columns)}
    kept = {name: value for name, value in request.args.items() if name in names}
    return with_query(url_for("read_models.show", name=model.name), {**kept, **changes})


def _order(name: str, sort: str | None) -> str | None:
    if sort is None or sort.removeprefix("-") != name:
        return None
    return "descending" if sort.startswith("-") else "ascending"


def _sorted_by(sort: str | None, columns: Sequence[Column]) -> str:
    if sort is None:
        return "sorted by key"
    numeric = any(column.numeric and column.name == sort.removeprefix("-") for column in columns)
    down = "largest first" if numeric else "last first"
    return f"sorted by {sort.removeprefix('-')}{', ' + down if sort.startswith('-') else ''}"


def _status(model: ReadModel) -> ProjectionStatus | None:
    return next((status for status in navigation.statuses() if status.name == model.projection), None)


def _warning(status: ProjectionStatus | None) -> Behind | None:
    """Only where rows stay behind: a projection that is catching up says so by its position."""
    if status is None or status.state in ("running", "catching_up", "replaying"):
        return None
    words, link = WARNINGS.get(str(status.state), ("does not move", "See the projection"))
    fact = f"Rows are as of checkpoint {number(status.checkpoint)}."
    if not status.lag_events:
        return Behind(str(status.state), fact, f"The projection {words}.", link)
    later = f"{number(status.lag_events)} later event{' is' if status.lag_events == 1 else 's are'} not in them"
    return Behind(str(status.state), fact, f"{later}, because the projection {words}.", link)


WARNINGS = {
    "failed": ("failed", "See what failed"),
    "paused": ("is paused", "See the projection"),
    "stalled": ("is stalled", "See the projection"),
    "unknown": ("has no worker that reports", "See the projection"),
}
