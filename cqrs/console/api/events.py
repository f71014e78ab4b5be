"""Events of the whole log."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cqrs.console import event_search, json_answer
from cqrs.console.access import needs
from cqrs.console.api.event_json import COLUMNS, event_json
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.parameters import Parameters
from cqrs.console.unmasking import unmask_asked
from cqrs.errors import NotFound
from cqrs.messages import Role

bp = Blueprint("api_events", __name__, url_prefix="/api/events")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """Newest first, or ascending from `after`. `text=amount=12.50` compares a field of the payload; other text is
    looked for in all of it. `searched_to` is where the search stopped before the page was full; `next` goes on."""
    asked = Parameters(request.args)
    form, unmasked = format_of(asked), unmask_asked(asked)
    page = event_search.find(runtime().events, event_search.search_of(asked, unmasked=unmasked))
    items = [event_json(event, unmasked=unmasked) for event in page.items]
    facts = {} if page.searched_to is None else {"searched_to": page.searched_to}
    return send_list("events", items, page.next, form=form, columns=COLUMNS, **facts)


@bp.get("/<position:position>")
@needs(Role.VIEWER)
def show(position: int) -> Response:
    asked = Parameters(request.args)
    unmasked = unmask_asked(asked)
    asked.check()
    event = runtime().events.get(position)
    if event is None:
        raise NotFound(what="event at position", name=position)
    return json_answer.send(event_json(event, unmasked=unmasked))
