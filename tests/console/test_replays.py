"""Replays and roll backs as an operator starts, watches, reviews and ends them."""

from __future__ import annotations

import dataclasses
import re

import pytest

from cqrs.projections.generation_info import GenerationInfo
from cqrs.projections.projections import Projections
from cqrs.runtime import Runtime
from cqrs.workers.operation import OperationState
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of
from tests.console.work import carry_out


@pytest.fixture
def caught_up(runtime: Runtime) -> Runtime:
    open_account(runtime)
    deposit(runtime, "5")
    runtime.projections.catch_up()
    return runtime


def form_of(body: str, address: str) -> str:
    found = re.search(rf'<form[^>]*action="{re.escape(address)}".*?</form>', body, re.DOTALL)
    assert found, address
    return found[0]


def digest_of(ana: Browser) -> str:
    found = re.search(r'name="digest" value="([^"]+)"', ana.get("/projections/accounts/replay").get_data(as_text=True))
    assert found
    return found[1]


def test_one_click_starts_a_replay_and_lands_on_how_it_goes(ana: Browser, caught_up: Runtime) -> None:
    started = ana.post("/projections/accounts/replay")
    operation = caught_up.operations.page()[0]
    assert (started.status_code, path_of(started)) == (303, f"/operations/{operation.id}")
    assert (operation.kind, operation.actor, operation.state) == ("replay", "ana", "requested")
    waiting = text_of(ana.get(path_of(started)))
    assert "No worker is alive, so it has not begun." in waiting
    assert "Readers see generation 1." in waiting
    assert carry_out(caught_up).state == "succeeded"
    words = text_of(ana.get(path_of(started)))
    assert "Replay of accounts succeeded" in words
    assert "Readers were given generation 2, as of position 2." in words
    assert "1 equal, 0 changed, 0 missing, 0 extra" in words
    entry = caught_up.audit.page(limit=1).items[0]
    assert (entry.action, entry.target, entry.outcome) == ("replay", "accounts", "done")


def test_the_button_stands_in_the_table_and_on_the_page_with_its_time(ana: Browser, caught_up: Runtime) -> None:
    for path in ("/projections", "/projections/accounts"):
        body = ana.get(path).get_data(as_text=True)
        assert ">Replay</button>" in form_of(body, "/projections/accounts/replay")
        assert re.search(r"(under 1 s|about \d|an unknown time)", text_of(ana.get(path)))


def test_what_nobody_knows_is_unknown_on_the_button_too(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = caught_up.projections.preflight("accounts")
    nothing = dataclasses.replace(known, rate=None, seconds=None, bytes_needed=None, bytes_free=None)
    monkeypatch.setattr(caught_up.projections, "preflight", lambda name: nothing)
    assert "an unknown time" in text_of(ana.get("/projections"))
    words = text_of(ana.get("/projections/accounts/replay"))
    assert "Takes an unknown time" in words
    assert "Disk need unknown free space unknown" in words
    assert "Half , an unknown time" in words


def test_a_double_click_is_refused_with_a_link_to_the_first(ana: Browser, caught_up: Runtime) -> None:
    first = path_of(ana.post("/projections/accounts/replay"))
    second = ana.post("/projections/accounts/replay")
    assert second.status_code == 409
    assert "A replay of accounts is not finished." in text_of(second)
    assert first in links_of(second)
    assert len(caught_up.operations.page()) == 1
    assert caught_up.audit.page(limit=1).items[0].outcome == "refused"


def test_while_one_runs_pages_lead_to_it_instead_of_offering_another(ana: Browser, caught_up: Runtime) -> None:
    here = path_of(ana.post("/projections/accounts/replay"))
    for path in ("/", "/projections", "/projections/accounts", "/projections/accounts/replay"):
        page = ana.get(path)
        assert here in links_of(page), path
        assert 'action="/projections/accounts/replay"' not in page.get_data(as_text=True), path
    assert "Operations 1 running" in text_of(ana.get("/commands"))


def test_the_preflight_says_what_it_would_mean(ana: Browser, caught_up: Runtime) -> None:
    caught_up.workers.beat("w1", host="here", pid=1)
    page = ana.get("/projections/accounts/replay")
    words = text_of(page)
    assert "Reads 2 events , of which it handles AccountOpened, Deposited" in words
    assert "Writes about 1 row , as many as generation 1 has" in words
    assert "Readers stay on generation 1 until generation 2 is swapped in at once" in words
    assert "In the way nothing" in words
    assert "No worker is alive" not in words
    assert ">Replay into generation 2</button>" in page.get_data(as_text=True)


def test_options_reach_the_operation(ana: Browser, caught_up: Runtime) -> None:
    given = {"digest": digest_of(ana), "review": "1", "speed": "quarter", "reason": "  counted twice "}
    assert ana.post("/projections/accounts/replay", given).status_code == 303
    operation = caught_up.operations.page()[0]
    assert operation.reason == "counted twice"
    assert (operation.parameters["review"], operation.parameters["throttle"]) == (True, 3.0)


@pytest.mark.parametrize("given", [{"review": "yes"}, {"speed": "ludicrous"}, {"reason": "a\0b"}])
def test_options_that_are_none_start_nothing(ana: Browser, caught_up: Runtime, given: dict[str, str]) -> None:
    assert ana.post("/projections/accounts/replay", given).status_code == 422
    assert caught_up.operations.page() == []


def test_what_changed_since_the_preview_is_shown_before_anything_starts(ana: Browser, caught_up: Runtime) -> None:
    before = digest_of(ana)
    caught_up.start_replay("accounts", actor="ben")
    carry_out(caught_up)
    answer = ana.post("/projections/accounts/replay", {"digest": before, "review": "1", "reason": "<mine>"})
    assert answer.status_code == 409
    words = text_of(answer)
    assert "What a replay would mean has changed since it was shown. Nothing was started." in words
    assert "until generation 3 is swapped in" in words
    body = answer.get_data(as_text=True)
    assert 'value="&lt;mine&gt;"' in body  # nothing has to be typed again
    assert 'value="1" checked' in body
    assert len(caught_up.operations.page()) == 1
    assert ana.post("/projections/accounts/replay", {"digest": digest_of(ana)}).status_code == 303


def test_a_review_shows_the_rows_masked_and_goes_on_when_approved(ana: Browser, caught_up: Runtime) -> None:
    started = path_of(ana.post("/projections/accounts/replay", {"review": "1"}))
    assert carry_out(caught_up).state == "waiting"
    words = text_of(ana.get(started))
    assert "Waits for your review. A review was asked for. Readers see generation 1." in words
    assert "accounts : its replay waits for your review ." in text_of(ana.get("/"))
    assert "Operations 1 to review" in text_of(ana.get("/commands"))
    assert caught_up.projections.status("accounts").generation == 1
    assert ana.post(f"{started}/approve").status_code == 303
    assert carry_out(caught_up).state == "succeeded"
    assert caught_up.projections.status("accounts").generation == 2
    assert "Approved by ana" in text_of(ana.get(started))
    assert ana.post(f"{started}/approve").status_code == 409
    done, asked = caught_up.audit.page(limit=2).items
    assert (done.action, done.outcome, asked.action, asked.outcome) == ("approve", "refused", "approve", "done")


def test_differing_rows_show_before_and_after_but_no_secret(
    ana: Browser, caught_up: Runtime, viewer: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = path_of(ana.post("/projections/accounts/replay", {"review": "1"}))
    waiting = carry_out(caught_up)
    found = {
        "why": "1 row differs.",
        "generation": 2,
        "compared": {"equal": 0, "changed": 1, "missing": 0, "extra": 1},
        "differences": [
            {"key": "1", "kind": "changed", "columns": {
                "balance": {"before": "5.00", "after": "<7.00>"}, "iban": {"before": "DE00 1234", "after": "DE99"},
            }},
            {"key": "2", "kind": "extra", "columns": {}},
        ],
    }  # fmt: skip
    monkeypatch.setattr(caught_up.operations, "get", lambda identity: dataclasses.replace(waiting, result=found))
    page = ana.get(started)
    words = text_of(page)
    assert "balance 5.00 → <7.00>" in words
    assert "extra the row would disappear" in words
    body = viewer.get(f"/api{started}").get_data(as_text=True)
    for secret in ("DE00 1234", "DE99"):
        assert secret not in page.get_data(as_text=True)
        assert secret not in body
    assert '"after":"<7.00>"' in body.replace(" ", "")


def test_cancelling_says_what_it_meant_for_readers(ana: Browser, caught_up: Runtime) -> None:
    started = path_of(ana.post("/projections/accounts/replay", {"review": "1"}))
    carry_out(caught_up)
    assert ana.post(f"{started}/cancel").status_code == 303
    assert "ana asked it to stop" in text_of(ana.get(started))
    assert carry_out(caught_up).state == "cancelled"
    words = text_of(ana.get(started))
    assert "Cancelled by ana. Readers stayed on generation 1. Generation 2 was dropped." in words
    assert "Cancel replay" not in words
    assert ana.post(f"{started}/cancel").status_code == 409


def test_an_error_is_not_hidden_behind_the_bar(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = path_of(ana.post("/projections/accounts/replay"))
    at_work = dataclasses.replace(
        caught_up.operations.page()[0],
        state=OperationState.RUNNING,
        errors=["<b>no</b> number"],
        error_count=3,
        done=1,
        total=2,
    )
    monkeypatch.setattr(caught_up.operations, "get", lambda identity: at_work)
    page = ana.get(started)
    assert "3 errors, the first 1 are shown. <b>no</b> number" in text_of(page)
    assert '<progress value="50" max="100"' in page.get_data(as_text=True)


def test_a_roll_back_is_offered_after_a_replay_and_undone_by_another(ana: Browser, caught_up: Runtime) -> None:
    started = path_of(ana.post("/projections/accounts/replay"))
    carry_out(caught_up)
    for path in (started, "/projections/accounts"):
        form = form_of(ana.get(path).get_data(as_text=True), "/projections/accounts/rollback")
        assert "Roll back to generation 1" in form
        assert "Reason" not in form
    back = ana.post("/projections/accounts/rollback")
    assert back.status_code == 303
    assert carry_out(caught_up).kind == "rollback"
    assert caught_up.projections.status("accounts").generation == 1
    assert "Roll back of accounts succeeded" in text_of(ana.get(path_of(back)))
    assert "Roll back to generation" not in text_of(ana.get(started))  # something else is what readers see now


def test_going_back_to_what_other_code_made_needs_a_reason(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana.post("/projections/accounts/replay")
    carry_out(caught_up)
    real = Projections.generations

    def made_by_other_code(self: Projections, name: str) -> list[GenerationInfo]:
        return [dataclasses.replace(each, logic_changed=each.next_back) for each in real(self, name)]

    monkeypatch.setattr(Projections, "generations", made_by_other_code)
    form = form_of(ana.get("/projections/accounts").get_data(as_text=True), "/projections/accounts/rollback")
    assert 'name="reason" required' in form
    assert "Other code made it" in form
    refused = ana.post("/projections/accounts/rollback", {"reason": "  "})
    assert refused.status_code == 422
    assert "say why" in text_of(refused)
    assert ana.post("/projections/accounts/rollback", {"reason": "totals were right then"}).status_code == 303
    assert caught_up.audit.page(limit=1).items[0].reason == "totals were right then"


def test_without_a_generation_to_go_back_to_nothing_is_offered(ana: Browser, caught_up: Runtime) -> None:
    page = ana.get("/projections/accounts")
    assert "There is nothing to roll back to." in text_of(page)
    assert "/rollback" not in page.get_data(as_text=True)
    assert ana.post("/projections/accounts/rollback").status_code == 409


def test_changed_logic_recommends_a_replay_where_one_looks(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "The code changed since generation 1 was made. A replay is recommended."
    noted = [dataclasses.replace(status, note=note) for status in caught_up.projections.statuses()]
    monkeypatch.setattr(caught_up.projections, "statuses", lambda **how: noted)
    for path in ("/", "/projections/accounts"):
        page = ana.get(path)
        assert note in text_of(page), path
        assert "/projections/accounts/replay" in links_of(page), path


@pytest.mark.parametrize("path", ["replay", "rollback"])
def test_viewers_may_look_but_not_start(viewer: Script, caught_up: Runtime, path: str) -> None:
    assert viewer.post(f"/projections/accounts/{path}").status_code == 403
    assert viewer.post("/projections/replay").status_code == 403
    page = viewer.get("/projections/accounts/replay")
    assert page.status_code == 200
    assert "refused: needs operator" in text_of(page)
    assert "Replay into generation" not in text_of(page)
    assert caught_up.operations.page() == []


def test_all_are_replayed_paused_and_resumed_by_one_button_each(ana: Browser, caught_up: Runtime) -> None:
    paused = ana.post("/projections/pause", {"reason": "deploy"})
    assert path_of(paused) == "/projections"
    assert caught_up.projections.status("accounts").paused_reason == "deploy"
    body = ana.get("/projections").get_data(as_text=True)
    assert "Resume all" in form_of(body, "/projections/resume")  # the toast offers the reverse
    resumed = ana.post("/projections/resume", {"next": "/"})
    assert path_of(resumed) == "/"
    assert caught_up.projections.status("accounts").paused_at is None
    assert "Pause all" in form_of(ana.get("/").get_data(as_text=True), "/projections/pause")
    assert path_of(ana.post("/projections/replay", {"reason": "all anew"})) == "/operations?kind=replay"
    words = text_of(ana.get("/operations?kind=replay"))
    assert "1 replay was asked for; at most two run at once." in words
    assert "“all anew”" in words
    again = ana.post("/projections/replay")
    assert again.status_code == 303
    assert "0 replays were asked for; at most two run at once. Not started: A replay of accounts" in text_of(
        ana.get("/operations")
    )
    targets = [(entry.action, entry.target) for entry in caught_up.audit.page(limit=3).items]
    assert targets == [("replay", "all projections"), ("replay", "all projections"), ("resume", "all projections")]


def test_a_toast_offers_the_reverse_as_a_button(ana: Browser, caught_up: Runtime) -> None:
    ana.post("/projections/accounts/pause")
    form = form_of(ana.get("/events").get_data(as_text=True), "/projections/accounts/resume")
    assert 'name="next" value="/events"' in form
    assert "csrf_token" in form


def test_the_list_filters_by_kind_state_and_projection(ana: Browser, caught_up: Runtime) -> None:
    ana.post("/projections/accounts/replay")
    carry_out(caught_up)
    caught_up.operations.request("check", "orders", actor="ben")
    assert "Replay of accounts" in text_of(ana.get("/operations"))
    only = text_of(ana.get("/operations?kind=check"))
    assert "Check of orders" in only
    assert "Replay of accounts" not in only
    assert "Replay of accounts" in text_of(ana.get("/operations?state=succeeded&projection=accounts"))
    assert "No operation matches." in text_of(ana.get("/operations?state=failed"))
    assert path_of(ana.get("/operations?state=&kind=check")) == "/operations?kind=check"


def test_long_lists_are_paged(ana: Browser, caught_up: Runtime) -> None:
    made = [caught_up.operations.request("check", f"p{number}", actor="ben") for number in range(55)]
    first = ana.get("/operations?kind=check")
    (older,) = [link for link in links_of(first) if "before=" in link]
    second = ana.get(older)
    assert f"/operations/{made[0].id}" in links_of(second)
    assert f"/operations/{made[-1].id}" not in links_of(second)


def test_an_operation_of_a_projection_that_is_gone_is_still_told(ana: Browser, caught_up: Runtime) -> None:
    made = caught_up.operations.request("replay", "gone", actor="ben")
    page = ana.get(f"/operations/{made.id}")
    assert page.status_code == 200
    assert "What readers see is unknown." in text_of(page)
    assert "/projections/gone" not in links_of(page)


@pytest.mark.parametrize(
    "path", ["/operations/nope", "/operations/%00", "/projections/nope/replay", "/projections/nope/parked"]
)
def test_unknown_addresses(ana: Browser, path: str) -> None:
    assert ana.get(path).status_code == 404


def test_the_page_asks_again_at_its_own_pace_until_it_is_over(ana: Browser, caught_up: Runtime) -> None:
    started = path_of(ana.post("/projections/accounts/replay"))
    body = ana.get(started).get_data(as_text=True)
    assert 'data-every="2000"' in body
    assert f'href="{started}" data-no-script' in body
    carry_out(caught_up)
    over = ana.get(started)
    assert "data-every" not in over.get_data(as_text=True)
    tag = over.headers["HX-PTag"]
    assert ana.get(started, headers={"HX-PTag": tag, "HX-Request": "true"}).status_code == 304


def test_the_chart_shows_the_window_that_was_asked_for(ana: Browser, caught_up: Runtime) -> None:
    caught_up.samples.record(caught_up.projections.statuses(), 2)
    body = ana.get("/projections/accounts?window=15min").get_data(as_text=True)
    assert "In the last 15 min the head went from 2 to 2" in body
    assert '#lag" aria-current="true">15 min</a>' in body
    assert ana.get("/projections/accounts?window=1y").status_code == 422
