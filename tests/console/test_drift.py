"""Drift as an operator meets it: the badge, the check and its rows, the way to put them right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from cqrs.drift.check import Check, Found, Verdict
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import links_of, open_account, text_of
from tests.console.work import carry_out


@pytest.fixture(autouse=True)
def accounts(runtime: Runtime) -> None:
    for number in range(1, 6):
        open_account(runtime, str(number))
    runtime.projections.catch_up()


def spoil(runtime: Runtime) -> None:
    """One row changed, one missing, one under another key."""
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 9, iban = 'XX' WHERE account_id = '1'")
        connection.exec_driver_sql("DELETE FROM accounts__g1 WHERE account_id = '2'")
        connection.exec_driver_sql("UPDATE accounts__g1 SET account_id = 'a/b' WHERE account_id = '3'")


def origin_of(runtime: Runtime) -> str:
    live = runtime.projections.live_id("accounts")
    assert live is not None
    return live.origin


def checked(ana: Browser, runtime: Runtime) -> str:
    """Ask for a check, have it carried out; its address."""
    asked = ana.post("/projections/accounts/checks")
    assert asked.status_code == 303
    carry_out(runtime)
    return path_of(ana.get(path_of(asked)))


def test_nothing_checked_is_said_to_be_unknown(ana: Browser) -> None:
    words = text_of(ana.get("/drift"))
    assert "Nothing has been checked yet." in words
    assert "never checked" in words
    assert "No check has run yet." in words
    assert "Last drift check never" in text_of(ana.get("/projections/accounts"))


def test_a_check_has_one_address_from_the_moment_it_is_asked_for(ana: Browser, runtime: Runtime) -> None:
    asked = ana.post("/projections/accounts/checks")
    waiting = ana.get(path_of(asked))
    assert "accounts is going to be checked." in text_of(waiting)
    assert 'data-every="2000"' in waiting.get_data(as_text=True)
    carry_out(runtime)
    begun = ana.get(path_of(asked))
    assert begun.status_code == 302
    assert "All 5 rows of accounts that were checked are what their events say." in text_of(ana.get(path_of(begun)))
    assert "No drift is known." in text_of(ana.get("/drift"))


def test_a_check_that_goes_on_is_in_nobodys_way(ana: Browser, runtime: Runtime) -> None:
    asked = runtime.start_check("accounts", actor="ben")
    for page in ("/drift", "/projections/accounts", "/"):
        answer = ana.get(page)
        assert f"/operations/{asked.id}" in links_of(answer), page
        assert 'action="/projections/accounts/checks"' in answer.get_data(as_text=True), page
    for page in ("/projections", "/projections/accounts"):
        words = text_of(ana.get(page))
        assert "Pause" in words, page
        assert "Replay" in words, page
    assert "It only reads: readers and the projection go on." in text_of(ana.get("/projections/accounts"))
    runtime.start_check("accounts", actor="ana")


def test_what_changes_the_rows_waits_for_what_does(ana: Browser, runtime: Runtime) -> None:
    replay = runtime.start_replay("accounts", actor="ben")
    runtime.start_check("accounts", actor="ben")
    page = ana.get("/projections/accounts")
    assert f"/operations/{replay.id}" in links_of(page)
    body = page.get_data(as_text=True)
    assert 'action="/projections/accounts/checks"' in body
    assert 'action="/projections/accounts/replays"' not in body


def test_a_row_whose_stored_key_is_none_is_shown_without_a_page(ana: Browser, runtime: Runtime) -> None:
    """SQLite keeps bytes in a column of text; written out they could be a key."""
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET account_id = x'6162' WHERE account_id = '1'")
        connection.exec_driver_sql("UPDATE accounts__g1 SET account_id = 'other' WHERE account_id = '2'")
    address = checked(ana, runtime)
    page = ana.get(address)
    words = text_of(page)
    assert "unreadable: b'ab' no key of accounts, so it has no page and only a replay removes it" in words
    rows = [link for link in links_of(page) if link.startswith("/read-models/accounts/rows/")]
    assert {link.rpartition("/")[2] for link in rows} == {"1", "2", "other"}
    assert all(ana.get(link).status_code == 200 for link in rows)
    assert "1 row with keys that cannot be read: only a replay removes those." in text_of(ana.get(f"{address}/repair"))
    found = runtime.checks.page()[0]
    (number,) = [each.n for each in runtime.checks.findings(found.id).items if each.key == "unreadable: b'ab'"]
    alone = ana.get(f"{address}/repair?n={number}")
    assert "1 row with keys that cannot be read" in text_of(alone)


def test_drift_is_told_everywhere_and_leads_to_the_rows(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    for page in ("/", "/projections", "/projections/accounts", "/drift"):
        answer = ana.get(page)
        assert address in links_of(answer), page
        assert "Drift 4 rows" in text_of(answer)
    assert "accounts has drifted: 4 of 6 rows checked differ from their events." in text_of(ana.get("/"))
    assert "4 rows of accounts differ from their events." in text_of(ana.get("/drift"))


def test_each_row_says_what_is_stored_what_is_expected_and_what_the_events_say(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    page = ana.get(checked(ana, runtime))
    words = text_of(page)
    assert "4 of 6 rows of accounts differ from their events." in words
    assert "1 is changed, 2 are missing, 1 is extra." in words
    assert "balance 9.00 0.00" in words
    assert "No event has this key. Something else wrote the row." in words
    assert "Ada opened an account. The table has no row. last event 2" in words
    assert "/events/2" in links_of(page)
    assert "/read-models/accounts/rows/a~1b" in links_of(page)
    assert "XX" not in words
    assert "DE00" not in words


def test_the_rows_of_one_kind(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    words = text_of(ana.get(f"{address}?kind=missing"))
    assert "All 4 Changed 1 Missing 2 Extra 1" in words
    assert "Something else wrote the row." not in words
    assert "2 shown of 2 missing" in words
    assert ana.get(f"{address}?kind=odd").status_code == 422


def test_the_list_goes_on_where_a_page_ends(ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    monkeypatch.setattr("cqrs.console.check_page.USUAL_ITEMS", 3)
    (more,) = (link for link in links_of(ana.get(address)) if "after=3" in link)
    assert "1 shown of 4" in text_of(ana.get(more.partition("#")[0]))


def test_the_same_findings_as_csv(viewer: Script, ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    (csv,) = (link for link in links_of(ana.get(f"{address}?kind=missing")) if "format=csv" in link)
    lines = viewer.get(csv).get_data(as_text=True).splitlines()
    assert lines[0].startswith("key,kind,last_event")
    assert [line.split(",")[0] for line in lines[1:]] == ["2", "3"]
    assert len(viewer.get(f"/api{address.removeprefix('/drift')}?kind=changed").json["findings"]) == 1
    assert viewer.get(f"/api{address.removeprefix('/drift')}?kind=odd").status_code == 422


def test_the_ticked_rows_are_repaired_and_the_others_stay(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    started = ana.post(f"{address}/repair", {"n": "1"})
    assert carry_out(runtime).state == "succeeded"
    assert "/operations/" in path_of(started)
    row = runtime.read_models.row("accounts", "1")
    assert row is not None
    assert str(row.values["balance"]) == "0.00"
    words = text_of(ana.get(address))
    assert "3 rows still to be put right." in words
    assert "repaired by ana" in words
    assert "Drift 3 rows" in words
    ana.post(f"{address}/repair", {"all": "1"})
    carry_out(runtime)
    assert "All of them are put right." in text_of(ana.get(address))
    assert "Drift 3 rows" not in text_of(ana.get("/"))
    assert "accounts generation 1 repaired" in text_of(ana.get("/drift"))


@pytest.mark.parametrize("remedy", ["repair", "replay"])
def test_a_row_that_no_event_has_leads_nowhere_once_it_is_gone(ana: Browser, runtime: Runtime, remedy: str) -> None:
    spoil(runtime)
    address, rows = checked(ana, runtime), "/read-models/accounts/rows/"
    assert f"{rows}a~1b" in links_of(ana.get(address))
    ana.post(f"{address}/{remedy}", {"all": "1"})
    carry_out(runtime)
    left = {link for link in links_of(ana.get(address)) if link.startswith(rows)}
    assert left == {f"{rows}{key}" for key in "123"}
    assert {ana.get(link).status_code for link in left} == {200}
    assert "a/b" in text_of(ana.get(address))
    assert "no key of accounts" not in text_of(ana.get(address))


def test_nothing_ticked_repairs_nothing(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    back = ana.post(f"{address}/repair")
    assert "No row was selected, so nothing was repaired." in text_of(ana.get(path_of(back)))
    assert runtime.operations.page(kind="repair") == []


def test_where_many_rows_differ_a_replay_is_recommended_and_expects_them(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    assert "66.67 % of the rows differ: a replay, which makes all rows anew, is the better way." in text_of(
        ana.get(address)
    )
    ana.post(f"{address}/replay")
    done = carry_out(runtime)
    assert (done.kind, done.state) == ("replay", "succeeded")
    assert done.parameters["known"] == ["1", "a/b", "2", "3"]
    words = text_of(ana.get(address))
    assert "Generation 1 was checked, and readers see generation 2 now." in words
    assert "Repair selected" not in words
    assert "No drift is known." not in words
    assert "Drift 4 rows" not in words


def test_a_viewer_reads_and_does_not_touch(app: Flask, ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    viktor = Browser(app, "viktor", Role.VIEWER)
    words = text_of(viktor.get(address))
    assert "Repairing: refused: needs operator." in words
    assert "Repair selected" not in words
    assert f'action="{address}/repair"' not in viktor.get(address).get_data(as_text=True)
    assert "Checking: refused: needs operator." in text_of(viktor.get("/drift"))
    assert viktor.post(f"{address}/repair", {"all": "1"}).status_code == 403


def test_what_there_is_not(ana: Browser, runtime: Runtime) -> None:
    assert ana.get("/drift/checks/nothing").status_code == 404
    replay = runtime.start_replay("accounts", actor="ana")
    assert ana.get(f"/drift/checks/{replay.id}").status_code == 404
    assert ana.post("/projections/nothing/checks").status_code == 404
    assert ana.post("/projections/accounts/checks", {"way": "deep/log"}).status_code == 422


def test_the_status_of_a_projection_tells_of_its_last_check(viewer: Script, ana: Browser, runtime: Runtime) -> None:
    assert viewer.get("/api/projections/accounts").json["last_check"] is None
    spoil(runtime)
    address = checked(ana, runtime)
    last = viewer.get("/api/projections").json["projections"][0]["last_check"]
    assert last["check"] == f"/api{address.removeprefix('/drift')}"
    assert (last["verdict"], last["level"], last["differing"], last["standing"]) == ("drift", "full", 4, 4)


def test_a_preview_shows_each_row_before_and_after_and_starts_the_same_repair(ana: Browser, runtime: Runtime) -> None:
    spoil(runtime)
    address = checked(ana, runtime)
    asked = ana.post(f"{address}/preview", {"n": "1"})
    assert path_of(asked) == f"{address}/repair?n=1"
    words = text_of(ana.get(path_of(asked)))
    assert "Repair 1 row of accounts?" in words
    assert "derived just now from 1 event up to checkpoint 5. Nothing was written." in words
    assert "corrected" in words
    assert "balance 9.00 0.00" in words
    assert "XX" not in words
    everything = text_of(ana.get(f"{address}/repair"))
    assert "4 rows would be written" in everything
    assert "a replay, which makes all rows anew, is the better way" in everything
    ana.post(f"{address}/repair", {"all": "1"})
    carry_out(runtime)
    assert ana.get(f"{address}/repair").status_code == 422


def begun(runtime: Runtime) -> Check:
    operation = runtime.start_check("accounts", actor="ana")
    return runtime.checks.begin(operation.id, "accounts", level="full", reference="log", origin=origin_of(runtime))


def test_a_check_that_goes_on_is_followed_and_can_be_cancelled(ana: Browser, runtime: Runtime) -> None:
    check = begun(runtime)
    page = ana.get(f"/drift/checks/{check.id}")
    words = text_of(page)
    assert "accounts is being checked." in words
    assert "Cancel check" in words
    assert 'data-every="2000"' in page.get_data(as_text=True)
    assert "accounts generation 1 checking" in text_of(ana.get("/drift"))


@pytest.mark.parametrize(
    ("verdict", "heading", "way_out"),
    [
        (Verdict.INCONCLUSIVE, "The check of accounts is inconclusive.", "No row was changed. Check again;"),
        (Verdict.NOT_DETERMINISTIC, "accounts does not come out the same twice.", "correct the handlers, then replay."),
    ],
)
def test_a_check_that_cannot_tell_says_why_and_what_helps(
    ana: Browser, runtime: Runtime, verdict: Verdict, heading: str, way_out: str
) -> None:
    check = runtime.checks.finish(begun(runtime), verdict, "The handler looks at the clock.")
    page = ana.get(f"/drift/checks/{check.id}")
    words = text_of(page)
    assert heading in words
    assert "The handler looks at the clock." in words
    assert way_out in words
    assert "/projections/accounts/replay" in links_of(page)
    assert "Repair selected" not in words


def test_what_is_not_deterministic_is_told_on_the_overview(ana: Browser, runtime: Runtime) -> None:
    runtime.checks.finish(begun(runtime), Verdict.NOT_DETERMINISTIC, "The handler looks at the clock.")
    assert "accounts is not deterministic : derived twice, rows came out otherwise." in text_of(ana.get("/"))


def test_what_differs_from_the_write_model_is_not_repaired_from_the_log(ana: Browser, runtime: Runtime) -> None:
    operation = runtime.start_check("accounts", actor="ana")
    check = runtime.checks.begin(
        operation.id, "accounts", level="full", reference="write_model", origin=origin_of(runtime)
    )
    columns = {"owner": {"stored": "Ada", "expected": "Bob"}}
    counted = replace(check, changed=1, checked=5, generation=1, position=5)
    saved = runtime.checks.save(counted, [Found(key="1", kind="changed", columns=columns, last_event=1)])
    runtime.checks.finish(saved, Verdict.DRIFT)
    words = text_of(ana.get(f"/drift/checks/{check.id}"))
    assert "1 of 5 rows of accounts differs from the write model." in words
    assert "Check against the log first." in words
    assert "Repair selected" not in words


def test_a_look_at_a_few_rows_is_not_taken_for_one_at_all(ana: Browser, runtime: Runtime) -> None:
    check = runtime.checks.begin("01a", "accounts", level="incremental", reference="log", origin=origin_of(runtime))
    few = replace(check, changed=1, checked=1, rows=500, generation=1, position=5)
    saved = runtime.checks.save(few, [Found(key="1", kind="changed", columns={}, last_event=1)])
    found = text_of(ana.get(f"/drift/checks/{runtime.checks.finish(saved, Verdict.DRIFT).id}"))
    assert "1 of 1 row of accounts differs from its events." in found
    assert "0.2 % of 500" in found
    assert "is the better way" not in found
    none = runtime.checks.begin("01b", "accounts", level="incremental", reference="log", origin=origin_of(runtime))
    finished = runtime.checks.finish(replace(none, position=5, generation=1), Verdict.NONE)
    assert "No row of accounts had to be looked at." in text_of(ana.get(f"/drift/checks/{finished.id}"))
