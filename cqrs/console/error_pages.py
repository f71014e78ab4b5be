"""Errors as answers: which status each class has, as JSON where programs ask and as a page where people do."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, request, url_for
from markupsafe import escape
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from cqrs import errors
from cqrs.console import current, json_answer, trail
from cqrs.console.access import SAFE_METHODS
from cqrs.console.redirects import page_asked_for, see_other
from cqrs.console.rendering import render

log = logging.getLogger(__name__)

#: The nearest class of an error decides; the code is what programs compare.
ANSWERS: Mapping[type[errors.CqrsError], tuple[int, str]] = {
    errors.InvalidMessage: (422, "invalid"),
    errors.InvalidStreamName: (422, "invalid"),
    errors.InlineRefused: (422, "refused_by_projection"),
    errors.IdempotencyConflict: (422, "idempotency_conflict"),
    errors.WrongContentType: (415, "wrong_content_type"),
    errors.NoHandler: (404, "not_found"),
    errors.NotFound: (404, "not_found"),
    errors.NotSignedIn: (401, "not_signed_in"),
    errors.AccessDenied: (403, "refused"),
    errors.ReadOnly: (403, "read_only"),
    errors.NotFromHere: (403, "not_from_here"),
    errors.UnknownToProxy: (403, "refused"),
    errors.LinkNotValid: (403, "link_not_valid"),
    errors.TooManyAttempts: (429, "too_many_attempts"),
    errors.TooManyRequests: (429, "too_many_requests"),
    errors.ConcurrencyError: (409, "conflict"),
    errors.NotKeyed: (409, "not_keyed"),
    errors.HistoryTooLong: (409, "history_too_long"),
    errors.PreviewTooLong: (409, "preview_too_long"),
    errors.AlreadyThere: (409, "already_there"),
    errors.OperationInTheWay: (409, "operation_in_the_way"),
    errors.ScheduleFixed: (409, "schedule_fixed"),
    errors.ScheduleChanged: (409, "schedule_changed"),
    errors.ScheduleStands: (409, "schedule_stands"),
    errors.OperationFinished: (409, "operation_finished"),
    errors.OperationNotWaiting: (409, "operation_not_waiting"),
    errors.PreflightChanged: (409, "preflight_changed"),
    errors.TooLittleSpace: (409, "too_little_space"),
    errors.NothingToRollBack: (409, "nothing_to_roll_back"),
    errors.RollBackRefused: (409, "roll_back_refused"),
    errors.GenerationStands: (409, "generation_stands"),
    errors.RepairRefused: (409, "repair_refused"),
    errors.OrderNotHeld: (409, "order_not_held"),
    errors.HolderProtected: (409, "holder_protected"),
    errors.HolderStays: (409, "holder_stays"),
    errors.KeyNotParked: (404, "not_parked"),
    errors.NotStopped: (409, "not_stopped"),
    errors.NoKeyToSetAside: (409, "no_key"),
    errors.ParkingRefused: (409, "parking_refused"),
    errors.NotVisibleYet: (425, "not_visible_yet"),
    errors.DatabaseUnavailable: (503, "database_unavailable"),
    errors.DatabaseBusy: (503, "database_busy"),
    errors.DiskFull: (507, "disk_full"),
    errors.SchemaMissing: (503, "schema_missing"),
    errors.SchemaOutdated: (503, "schema_outdated"),
    errors.SchemaTooNew: (503, "schema_too_new"),
    errors.ReadModelMissing: (503, "read_model_missing"),
    errors.RowUnreadable: (503, "row_unreadable"),
    errors.ShapeMismatch: (503, "shape_mismatch"),
    errors.NoWorker: (503, "no_worker"),
}
SENTENCES = {
    400: "The request could not be read. Nothing was changed.",
    404: "There is nothing at this address. Check it, or start from the overview.",
    405: "This address does not take {method}.",
    413: "The request is larger than 1 MiB, which is the limit. Nothing was changed.",
    414: "The address is too long.",
    415: "The body has a type that cannot be read here. Nothing was changed.",
    431: "The headers of the request are too large.",
}
UNEXPECTED = "Something went wrong here, and it is not your request. The log has the details under {reference}."
FALLBACK = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><p>Error {status}</p><h1>{message}</h1><p><a href="/">Overview</a></p></main></body></html>
"""


def register(app: Flask) -> None:
    app.register_error_handler(errors.CqrsError, answer_known)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_unexpected)


def answer_known(error: errors.CqrsError) -> Response:
    found = status_and_code(type(error))
    if found is None:
        return answer_unexpected(error)
    trail.note(reason=str(error))
    status, code = found
    if isinstance(error, errors.NotSignedIn):
        return ask_to_sign_in(error)
    response = answer(status, code, str(error), **extras_of(error))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def status_and_code(cls: type[errors.CqrsError]) -> tuple[int, str] | None:
    """None for errors that are no answer to anybody: they are faults of ours."""
    return next((ANSWERS[base] for base in cls.__mro__ if base in ANSWERS), None)


def extras_of(error: errors.CqrsError) -> dict[str, Any]:
    """What a program wants to know besides the sentence."""
    if isinstance(error, errors.InvalidMessage):
        return {"errors": error.errors}
    if isinstance(error, errors.IdempotencyConflict):
        return {"errors": {"Idempotency-Key": [str(error)]}}
    if isinstance(error, errors.InvalidStreamName):
        return {"errors": {"": [str(error)]}}
    if isinstance(error, errors.NotVisibleYet):
        return {"position": error.reached}
    if isinstance(error, errors.OperationInTheWay) and error.id is not None:
        return {"operation": f"/api/operations/{error.id}"}
    return {}


def ask_to_sign_in(error: errors.NotSignedIn) -> Response:
    if wants_json():
        response = answer(401, "not_signed_in", str(error))
        response.headers["WWW-Authenticate"] = 'Bearer realm="Projectionist"'
        return response
    page = page_asked_for()
    address = url_for("sign_in.show", next=page if page != "/" else None)
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": address})
    return see_other(address)


def answer_http(error: HTTPException) -> HTTPException | Response:
    if isinstance(error, RequestRedirect) or error.code is None or error.code < 400:
        return error
    if error.code >= 500:
        return answer_unexpected(error)
    sentence = SENTENCES.get(error.code, SENTENCES[400]).format(method=request.method)
    trail.note(reason=sentence)
    response = answer(error.code, error.name.lower().replace(" ", "_"), sentence)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def answer_unexpected(error: Exception) -> Response:
    """The reference is all that leaves the house; what happened is in the log."""
    reference = f"err-{secrets.token_hex(4)}"
    log.error(
        "%s: %s %s failed",
        reference,
        request.method,
        request.path.encode("unicode_escape").decode()[:200],
        exc_info=error,
    )
    trail.note(reason=f"Unexpected error {reference}.")
    return answer(500, "unexpected", UNEXPECTED.format(reference=reference), reference=reference)


def answer(status: int, code: str, message: str, **extras: Any) -> Response:
    if wants_json():
        return json_answer.error(status, code, message, **extras)
    context = {"status": status, "code": code, "message": message, "reference": None, "errors": {}, **extras}
    context["nothing_changed"] = status < 500 or request.method in SAFE_METHODS
    try:
        return render("errors/show.html", status, error=context)
    except Exception:
        # The page around an error may need what is broken: the database, or the template itself.
        log.exception("The page of an error cannot be drawn")
        return Response(plain_page(status, message), status, content_type="text/html; charset=utf-8")


def plain_page(status: int, message: str) -> str:
    return FALLBACK.format(status=status, title=escape(f"Error {status} · Projectionist"), message=escape(message))


def wants_json() -> bool:
    """By path, so that an address without a route answers like its neighbours."""
    return first_segment(request.path) in current.console().json_roots


def first_segment(path: str) -> str:
    return path.lstrip("/").partition("/")[0]
