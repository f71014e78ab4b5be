"""The pages of schedules: what they say in good and in bad times, and what their buttons do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from cqrs.messages import Role
from cqrs.runtime import Runtime
from cqrs.workers.leases import Leases
from cqrs.workers.schedule import RunState
from cqrs.workers.schedule_tables import schedule_runs, schedules
from cqrs.workers.schedules import LEASE
from tests.console.browser import Browser, Script, path_of
from tests.console.conftest import MakeApp
from tests.console.ledger import links_of, open_account, text_of
from tests.console.work import carry_out

CHECK = "/schedules/check-accounts-full"
FORM = {
    "pace": "cron",
    "every": "",
    "unit": "hours",
    "cron": "0 5 * * 1-5",
    "zone": "Europe/Berlin",
    "jitter_seconds": "60",
}


def own(runtime: Runtime) -> int:
    """How many schedules people may change."""
    return sum(not each.schedule.fixed for each in runtime.schedules.all())


@pytest.fixture
def alive(runtime: Runtime) -> None:
    """A scheduler, since the schedules began just now: the database they lie in may be as old as this test run."""
    with runtime.main.write() as connection:
        connection.execute(schedules.update().values(counts_from=runtime.main.now(connection)))
    assert Leases(runtime.main).acquire(LEASE, "w1", timedelta(minutes=5))


@pytest.mark.usefixtures("alive")
def test_what_runs_by_itself_is_listed_with_when_and_what_next(ana: Browser, runtime: Runtime) -> None:
    words = text_of(ana.get("/schedules"))
    assert f"All {own(runtime)} schedules are on. None has run yet." in words
    assert "Full check of accounts compares all rows with the log every night at 02:00 UTC" in words
    assert "begins up to 20 minutes later" in words
    assert "Roll up samples" in words
    assert "Part of the program cannot be changed or paused" in words
    assert "Sample projections measures lag and positions for the charts every 10 seconds" in words


def test_without_a_scheduler_it_says_that_nothing_runs(ana: Browser) -> None:
    for page in ("/schedules", CHECK):
        words = text_of(ana.get(page))
        assert "No scheduler is alive: nothing runs by schedule." in words
        assert "make worker" in words
    assert "but no scheduler is alive" in text_of(ana.get("/schedules"))


@pytest.mark.usefixtures("alive")
def test_a_run_of_a_check_shows_its_verdict_and_leads_to_it(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    runtime.projections.catch_up("accounts")
    answer = ana.post(f"{CHECK}/run")
    assert path_of(answer) == CHECK
    assert "waiting" in text_of(ana.get(CHECK))
    carry_out(runtime)
    page = ana.get(CHECK)
    words = text_of(page)
    assert "no drift ana 1" in words
    check = runtime.checks.page()[0].id
    assert f"/drift/checks/{check}" in page.get_data(as_text=True)
    assert "What has run found nothing wrong." in text_of(ana.get("/schedules"))


@pytest.mark.usefixtures("alive")
def test_drift_that_a_run_found_is_in_the_headline(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    runtime.projections.catch_up("accounts")
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET owner = 'Mallory'")
    ana.post(f"{CHECK}/run")
    carry_out(runtime)
    words = text_of(ana.get("/schedules"))
    assert "The last full check of accounts: 1 row differs." in words


@pytest.mark.usefixtures("alive")
def test_a_run_that_failed_tells_why(ana: Browser, runtime: Runtime) -> None:
    runtime.schedules.run_now("prune", actor="ana")
    with runtime.main.write() as connection:
        now = runtime.main.now(connection)
        failed = {"started_at": now, "finished_at": now, "error": "OSError: no space left"}
        connection.execute(schedule_runs.update().values(failed))
    assert "The last run of “Prune sessions and requests” failed." in text_of(ana.get("/schedules"))
    assert "The last run failed. OSError: no space left" in text_of(ana.get("/schedules/prune"))
    assert "Schedules 1 failed" in text_of(ana.get("/commands"))
    runtime.schedules.run_now("prune", actor="ana")
    assert "Schedules 1 failed" not in text_of(ana.get("/commands"))


def test_a_check_that_failed_counts_as_one_of_its_schedule(ana: Browser, runtime: Runtime) -> None:
    ana.post(f"{CHECK}/run")
    with runtime.main.write() as connection:
        connection.exec_driver_sql("UPDATE operations SET state = 'failed'")
    assert runtime.schedules.failing() == 1
    assert "Schedules 1 failed" in text_of(ana.get("/commands"))


@pytest.mark.usefixtures("alive")
def test_a_due_time_that_nobody_ran_is_told(ana: Browser, runtime: Runtime) -> None:
    with runtime.main.write() as connection:
        long_ago = runtime.main.now(connection) - timedelta(days=9)
        connection.execute(schedules.update().where(schedules.c.id == "forget").values(counts_from=long_ago))
    assert "A due time of “Forget old operations and checks” was missed." in text_of(ana.get("/schedules"))
    assert "passed without a run" in text_of(ana.get("/schedules/forget"))


@pytest.mark.usefixtures("alive")
def test_a_schedule_of_what_is_gone_from_the_code_cannot_be_run(ana: Browser, runtime: Runtime) -> None:
    with runtime.main.write() as connection:
        gone = schedules.update().where(schedules.c.id == "check-accounts-full").values(projection="invoices")
        connection.execute(gone)
    assert f"{own(runtime) - 1} of {own(runtime)} schedules are on." in text_of(ana.get("/schedules"))
    page = ana.get(CHECK)
    assert "It does not run: invoices is no longer in the code." in text_of(page)
    assert "/run" not in page.get_data(as_text=True)
    assert ana.post(f"{CHECK}/run").status_code == 409


@pytest.mark.usefixtures("alive")
@pytest.mark.parametrize(
    ("values", "why"),
    [({"cron": "<b>99"}, "its cron “<b>99” cannot be read."), ({"zone": "Mars/<Base>"}, "no time zone “Mars/<Base>”")],
)
def test_one_that_cannot_be_read_is_shown_as_broken_with_the_way_out(
    ana: Browser, operator: Script, runtime: Runtime, values: dict[str, str], why: str
) -> None:
    with runtime.main.write() as connection:
        connection.execute(schedules.update().where(schedules.c.id == "check-accounts-full").values(values))
    words = text_of(ana.get("/schedules"))
    assert "When “Full check of accounts” runs cannot be read." in words
    assert "cannot run" in words
    assert why in words
    page = ana.get(CHECK)
    words = text_of(page)
    assert "It does not run: " in words
    assert why in words
    assert "Save anew when it runs, below" in words
    assert "It compares all rows with the log, at times that cannot be read." in words
    for address in ("/", "/drift", "/projections/accounts", "/system"):
        assert ana.get(address).status_code == 200, address
    told = operator.get(f"/api{CHECK}").json
    assert (why in told["why_not"], told["next_due"]) == (True, [])
    assert operator.get("/api/schedules").status_code == 200
    assert ana.post(f"{CHECK}/run").status_code == 409
    assert ana.post(CHECK, {**FORM, "preview": "1"}).status_code == 200
    assert ana.post(CHECK, FORM).status_code == 303
    assert "Full check of accounts” runs cannot" not in text_of(ana.get("/schedules"))


def test_a_change_is_saved_said_and_left_in_the_trail(ana: Browser, runtime: Runtime) -> None:
    answer = ana.post(CHECK, FORM)
    assert path_of(answer) == CHECK
    words = text_of(ana.get(CHECK))
    assert "now runs every weekday at 05:00 Europe/Berlin." in words
    timing = runtime.schedules.get("check-accounts-full").schedule.timing
    assert (timing.cron, timing.zone, timing.jitter) == ("0 5 * * 1-5", "Europe/Berlin", timedelta(minutes=1))
    entry = runtime.audit.page(action="change-schedule").items[0]
    assert (entry.actor, entry.target, entry.outcome) == ("ana", "check-accounts-full", "done")
    assert entry.detail is not None
    assert entry.detail["after"] == "every weekday at 05:00 Europe/Berlin"


def test_what_somebody_else_saved_meanwhile_is_told_before_it_is_replaced(ana: Browser, runtime: Runtime) -> None:
    opened = ana.get(CHECK).get_data(as_text=True)
    runtime.schedules.change("check-accounts-full", {"cron": "0 3 * * *"}, actor="bob")
    mine = {**FORM, "seen": seen_in(opened)}
    again = ana.post(CHECK, {**mine, "preview": "1"}).get_data(as_text=True)
    assert seen_in(again) == seen_in(opened), "looking at the next times forgets nothing"
    answer = ana.post(CHECK, mine)
    assert answer.status_code == 409
    assert "bob has changed Full check of accounts meanwhile: it now runs every night at 03:00 UTC." in text_of(answer)
    body = answer.get_data(as_text=True)
    assert 'value="0 5 * * 1-5"' in body, "what was typed is still there"
    assert runtime.schedules.get("check-accounts-full").schedule.timing.cron == "0 3 * * *"
    assert ana.post(CHECK, {**FORM, "seen": seen_in(body)}).status_code == 303
    assert runtime.schedules.get("check-accounts-full").schedule.timing.cron == "0 5 * * 1-5"


def seen_in(body: str) -> str:
    return body.split('name="seen" value="')[1].split('"')[0]


def test_an_interval_takes_the_place_of_a_cron(ana: Browser, runtime: Runtime) -> None:
    ana.post(CHECK, {**FORM, "pace": "every", "every": "90", "unit": "minutes"})
    timing = runtime.schedules.get("check-accounts-full").schedule.timing
    assert (timing.every, timing.cron) == (timedelta(minutes=90), None)
    page = ana.get(CHECK).get_data(as_text=True)
    assert 'name="every" class="mono" value="90"' in page
    assert '<option value="minutes" selected>' in page


def test_what_is_wrong_stands_at_its_field_and_nothing_is_changed(ana: Browser, runtime: Runtime) -> None:
    answer = ana.post(CHECK, {**FORM, "cron": "0 0 31 2 *", "zone": "<b>Berlin"})
    assert answer.status_code == 422
    words = text_of(answer)
    assert "2 fields are not right. Nothing was changed." in words
    assert words.count("This never happens") == 2
    body = answer.get_data(as_text=True)
    assert 'value="0 0 31 2 *"' in body
    assert "<b>Berlin" not in body
    assert runtime.schedules.get("check-accounts-full").schedule.changed_at is None
    assert runtime.audit.page(action="change-schedule").items[0].outcome == "refused"


@pytest.mark.parametrize("number", ["", "0", "-5", "1.5", "9" * 30])
def test_an_interval_that_is_no_number_is_refused_at_its_field(ana: Browser, number: str) -> None:
    answer = ana.post(CHECK, {**FORM, "pace": "every", "every": number})
    assert answer.status_code == 422
    assert 'href="#every"' in answer.get_data(as_text=True)


def test_the_next_times_are_shown_before_anything_is_saved(ana: Browser, runtime: Runtime) -> None:
    answer = ana.post(CHECK, {**FORM, "preview": "1"})
    assert "It would run every weekday at 05:00 Europe/Berlin. Nothing was changed yet." in text_of(answer)
    assert runtime.schedules.get("check-accounts-full").schedule.changed_at is None
    assert not runtime.audit.page(action="change-schedule").items


def test_pausing_and_resuming(ana: Browser, runtime: Runtime) -> None:
    assert path_of(ana.post(f"{CHECK}/pause", {"next": "/schedules"})) == "/schedules"
    words = text_of(ana.get("/schedules"))
    assert "Full check of accounts is paused." in words
    assert f"{own(runtime) - 1} of {own(runtime)} schedules are on" in words
    assert "by ana" in words
    ana.post(f"{CHECK}/resume")
    assert runtime.schedules.get("check-accounts-full").on
    done = [entry.action for entry in runtime.audit.page(target="check-accounts-full").items]
    assert done == ["resume-schedule", "pause-schedule"]
    trail = ana.get("/audit?action=pause-schedule")
    assert "Paused the schedule check-accounts-full" in text_of(trail)
    assert CHECK in links_of(trail)
    with runtime.main.write() as connection:
        connection.execute(schedules.delete())
    assert CHECK not in links_of(ana.get("/audit?action=pause-schedule"))


def test_a_second_run_waits_for_the_first(ana: Browser) -> None:
    ana.post(f"{CHECK}/run")
    answer = ana.post(f"{CHECK}/run")
    assert answer.status_code == 409
    assert "A full check of accounts is not finished." in text_of(answer)


def test_a_job_that_was_asked_for_waits_for_the_scheduler(ana: Browser, runtime: Runtime) -> None:
    ana.post("/schedules/prune/run")
    assert "waiting for the scheduler ana" in text_of(ana.get("/schedules/prune"))
    assert runtime.schedules.get("prune").runs[0].state is RunState.WAITING


def test_what_belongs_to_the_program_has_a_page_without_a_form(ana: Browser) -> None:
    page = ana.get("/schedules/sample")
    assert "cannot be changed or paused" in text_of(page)
    assert 'name="cron"' not in page.get_data(as_text=True)
    assert ana.post("/schedules/sample/pause").status_code == 409


def test_a_viewer_reads_and_is_told_who_may_change(app: Flask) -> None:
    vic = Browser(app, "vic", Role.VIEWER)
    assert "refused: needs operator" in text_of(vic.get("/schedules"))
    page = vic.get(CHECK)
    assert "Read only." in text_of(page)
    assert 'name="cron"' not in page.get_data(as_text=True)
    assert vic.post(CHECK, FORM).status_code == 403


def test_runs_are_turned_by_page(ana: Browser, runtime: Runtime) -> None:
    with runtime.main.write() as connection:
        now = runtime.main.now(connection)
        for n in range(30):
            due_at = now - timedelta(minutes=n)
            row = {
                "id": f"{100 - n:04}",
                "schedule": "prune",
                "due_at": due_at,
                "requested_at": due_at,
                "skipped": False,
            }
            connection.execute(schedule_runs.insert().values(row))
    page = ana.get("/schedules/prune").get_data(as_text=True)
    assert page.count('<tr role="row" id="run-') == 25
    older = ana.get("/schedules/prune?before=0076").get_data(as_text=True)
    assert "before=0076" in page
    assert older.count('<tr role="row" id="run-') == 5


def test_before_a_worker_ever_ran_there_is_nothing(make_app: MakeApp) -> None:
    app = make_app()
    runtime: Runtime = app.extensions["projectionist"].runtime
    with runtime.main.write() as connection:
        connection.execute(schedules.delete())
    words = text_of(Browser(app, "ana", Role.OPERATOR).get("/schedules"))
    assert "There are no schedules yet." in words
    assert "make worker" in words


def test_there_is_no_such_schedule(ana: Browser) -> None:
    assert ana.get("/schedules/nothing").status_code == 404
    assert ana.post("/schedules/nothing", FORM).status_code == 404
