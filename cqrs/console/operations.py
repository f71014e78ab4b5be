"""Operations: what was asked for, how far it is, what came of it; cancelling one, and letting one go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, navigation, operation_words, toasts, trail
from cqrs.console.access import needs
from cqrs.console.links import tidied, with_query
from cqrs.console.operation_rows import DifferingRow, OperationRow, differing_rows, masked_result, operation_rows
from cqrs.console.operation_words import TITLES, Step
from cqrs.console.parameters import USUAL_ITEMS, Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.errors import NotSignedIn
from cqrs.messages import Role
from cqrs.projections.generation_info import GenerationInfo
from cqrs.readmodels.generation import GenerationState
from cqrs.workers.operation import LogLine, Operation, OperationState

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("operations", __name__)

#: How often a page asks again while something goes on, in ms.
PACE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationList:
    rows: Sequence[OperationRow]
    filters: Mapping[str, str]
    kinds: Sequence[str]
    states: Sequence[str]
    newest: str | None
    older: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationPage:
    operation: Operation
    title: str
    #: The title that stays the same while it runs: what frames the page is not drawn again.
    name: str
    glyph: str
    word: str
    sentence: str
    percent: int | None
    unit: str
    steps: Sequence[Step]
    left: str
    #: When the phase at hand will be over, guessed; None when unknown.
    done_at: datetime | None
    log: Sequence[LogLine]
    #: The generation being made, and the one readers see; None when unknown.
    generation: int | None
    live: int | None
    compared: str | None
    differences: Sequence[DifferingRow]
    #: Whether what differs is a row with a page: of a SQL projection it may lie in any of its tables.
    linked: bool
    result: Mapping[str, Any] | None
    took: float | None
    #: The generation a roll back would go to, when this operation put it aside.
    back_to: GenerationInfo | None
    projection_known: bool
    can_cancel: bool


@bp.get("/operations")
@needs(Role.VIEWER)
def index() -> AnyResponse:
    tidy = tidied()
    if tidy is not None:
        return tidy
    asked = Parameters(request.args)
    given = {name: asked.text(name) for name in ("kind", "state", "projection")}
    before = asked.text("before")
    asked.check()
    found = current.runtime().operations.page(**given, before=before, limit=USUAL_ITEMS + 1)
    filters = {name: value for name, value in given.items() if value}
    shown, address = found[:USUAL_ITEMS], url_for("operations.index")
    page = OperationList(
        rows=operation_rows(shown),
        filters=filters,
        kinds=tuple(TITLES),
        states=tuple(OperationState),
        newest=with_query(address, filters) if before else None,
        older=with_query(address, {**filters, "before": shown[-1].id}) if len(found) > len(shown) else None,
    )
    return render("operations/index.html", tag=_tag(found), follow=before is None, pace=_pace(found), page=page)


@bp.get("/operations/<key:identity>")
@needs(Role.VIEWER)
def show(identity: str) -> Response:
    operation = current.runtime().operations.get(identity)
    tag = _tag([operation]) if operation.state.finished else None
    return render("operations/show.html", tag=tag, follow=True, pace=_pace([operation]), page=_page(operation))


@bp.post("/operations/<key:identity>/cancel")
@needs(Role.OPERATOR, action="cancel")
def cancel(identity: str) -> Response:
    operation = current.runtime().operations.get(identity)
    trail.note(target=operation_words.noun(operation), detail={"operation": operation.id})
    after = current.runtime().operations.cancel(identity, actor=actor())
    words = f"{after.title} was asked to stop." if not after.state.finished else f"{after.title} is cancelled."
    return toasts.leave(see_other(url_for("operations.show", identity=identity)), toasts.Toast(words))


@bp.post("/operations/<key:identity>/approve")
@needs(Role.OPERATOR, action="approve")
def approve(identity: str) -> Response:
    operation = current.runtime().operations.get(identity)
    trail.note(target=operation_words.noun(operation), detail={"operation": operation.id})
    current.runtime().operations.approve(identity, actor=actor())
    toast = toasts.Toast(f"{operation.title} goes on.")
    return toasts.leave(see_other(url_for("operations.show", identity=identity)), toast)


def actor() -> str:
    """Raises NotSignedIn."""
    who = current.principal()
    if who is None:
        raise NotSignedIn()
    return who.name


def _page(operation: Operation) -> OperationPage:
    runtime = current.runtime()
    known = operation.projection in runtime.projections.names()
    generations = runtime.projections.generations(operation.projection) if known else []
    live = next((each.number for each in generations if each.state is GenerationState.LIVE), None)
    made = _made(operation, generations)
    eta = operation.eta_seconds
    return OperationPage(
        operation=operation,
        title=operation_words.title(operation, made),
        name=operation_words.title_of(operation),
        glyph=operation_words.GLYPHS[operation.state],
        word=operation_words.phase_word(operation),
        sentence=operation_words.sentence(operation, live=live, workers=len(runtime.workers.alive())),
        percent=operation_words.percent(operation),
        unit=operation_words.unit_of(operation.phase),
        steps=operation_words.steps(operation, runtime.clock()),
        left=operation_words.left(operation),
        done_at=None if eta is None else runtime.clock() + timedelta(seconds=eta),
        log=runtime.operations.log(operation.id),
        generation=made,
        live=live,
        compared=operation_words.compared((operation.result or {}).get("compared")),
        differences=differing_rows(operation.result),
        linked=known and runtime.projections.definition(operation.projection).keyed,
        result=masked_result(operation.result),
        took=operation_words.took(operation),
        back_to=_back_to(operation, generations),
        projection_known=known,
        can_cancel=not operation.state.finished and operation.state is not OperationState.CANCELLING,
    )


def _made(operation: Operation, generations: Sequence[GenerationInfo]) -> int | None:
    found = next((each.number for each in generations if each.operation == operation.id), None)
    wanted = (operation.result or {}).get("generation") or operation.parameters.get("generation")
    return found or (wanted if isinstance(wanted, int) else None)


def _back_to(operation: Operation, generations: Sequence[GenerationInfo]) -> GenerationInfo | None:
    """Only while what this operation did is what readers see: going back from something else is another matter."""
    shown = next((each for each in generations if each.state is GenerationState.LIVE), None)
    if operation.state is not OperationState.SUCCEEDED or shown is None or shown.operation != operation.id:
        return None
    return next((each for each in generations if each.next_back and each.shape_changed is None), None)


def _pace(operations: Sequence[Operation]) -> int | None:
    return None if all(each.state.finished for each in operations) else PACE


def _tag(operations: Sequence[Operation]) -> str:
    seen = [(each.id, each.state, each.phase, each.done) for each in operations]
    return f"{navigation.tag()}{navigation.short_hash(seen)}"
