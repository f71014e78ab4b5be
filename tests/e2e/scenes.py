"""Consoles in every state in which somebody may meet one: each is built once and served from this process.

Nothing works in the background: a scene stays as it was built for as long as tests look at it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from cqrs.messages import Role
from cqrs.runtime import Runtime
from cqrs.workers.operation_runner import OperationRunner
from tests import hostile_history, route_walk
from tests.console.apps import console_over
from tests.console.bank import Accounts, Deposited
from tests.console.conftest import runtime_in
from tests.console.ledger import deposit, open_account

ACCOUNTS = 30
ANA = "ana.lopez"


@dataclass(frozen=True, slots=True)
class Scene:
    app: Flask
    runtime: Runtime
    address: str
    #: One of each kind.
    pages: Sequence[str]

    def link(self) -> str:
        """Signs an operator in, once."""
        return f"{self.address}/sign-in?token={self.runtime.people.link(ANA, by='test')}"


@contextmanager
def served(name: str, root: Path) -> Iterator[Scene]:
    runtime = runtime_in(root, READ_DATABASE_URL=f"sqlite:///{root}/instance/read.db")
    runtime.init()
    runtime.people.add(ANA, Role.OPERATOR, by="test")
    SCENES[name](runtime)
    app = console_over(runtime, debug=True)  # the page of patterns is there in debug mode only
    pages = route_walk.pages(app, runtime, most=1)
    if name == AWAY:
        take_away(runtime)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Scene(app, runtime, f"http://127.0.0.1:{server.server_port}", pages)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        runtime.close()


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def empty(runtime: Runtime) -> None:
    """As after the first start: no event, no worker."""


def calm(runtime: Runtime) -> None:
    """Thirty accounts, all applied, by a worker that will be alive all day."""
    for number in range(ACCOUNTS):
        open_account(runtime, str(number), owner=f"Owner {number}")
        deposit(runtime, "12.50", str(number))
    runtime.projections.catch_up()
    runtime.workers.beat("worker-1", host="alpha", pid=4_711)
    seen_in(runtime, timedelta(days=1))


def seen_in(runtime: Runtime, offset: timedelta) -> None:
    with runtime.main.write() as connection:
        moment = (runtime.main.now(connection) + offset).isoformat()
        connection.exec_driver_sql("UPDATE workers SET seen_at = ?", (moment,))


def silent(runtime: Runtime) -> None:
    """Events wait, and the only worker has not been heard of for three minutes."""
    calm(runtime)
    deposit(runtime, "1", "1")
    seen_in(runtime, timedelta(minutes=-3))


def failed(runtime: Runtime) -> None:
    """An event without a key that can be read: nothing behind it is applied."""
    calm(runtime)
    unreadable = {"account_id": "before\0after", "owner": "Nobody", "iban": "-"}
    runtime.events.append("account-0", [hostile_history.event("unreadable", "AccountOpened", unreadable, ANA)])
    deposit(runtime, "1", "1")
    runtime.projections.catch_up()


def parked(runtime: Runtime) -> None:
    """One account has an event that cannot be applied, and two that wait behind it."""
    calm(runtime)
    refuse_one(runtime)


def stopped(runtime: Runtime) -> None:
    """The same where nothing is set aside by itself; one event was skipped before."""
    calm(runtime)
    deposit(runtime, "6.66", "7")
    Accounts.on_error = "stop"
    try:
        refuse_one(runtime)
        position = 2 * ACCOUNTS + 1
        runtime.projections.skip_failing("accounts", position, reason="booked twice by the branch", actor=ANA)
        refuse_one(runtime)
    finally:
        Accounts.on_error = "park"


def refuse_one(runtime: Runtime) -> None:
    handlers = Accounts.handlers
    Accounts.handlers = tuple(
        replace(each, function=cautious) if each.event is Deposited else each for each in handlers
    )
    try:
        for amount in ("6.66", "1", "2"):
            deposit(runtime, amount, "3")
        runtime.projections.catch_up()
    finally:
        Accounts.handlers = handlers


def cautious(row: Any, event: Deposited) -> None:
    if event.amount == Decimal("6.66"):
        raise ValueError("6.66 is not an amount that this bank takes")
    row.balance += event.amount


def paused(runtime: Runtime) -> None:
    calm(runtime)
    runtime.projections.pause("accounts", actor=ANA, reason="release 7 goes out")
    deposit(runtime, "1", "1")


def replaying(runtime: Runtime) -> None:
    """A worker has taken a replay and is at work on it."""
    calm(runtime)
    operation = runtime.start_replay("accounts", actor=ANA, reason="fees were counted twice")
    run = runtime.operations.claim("worker-1", ("replay",))
    assert run is not None
    assert run.operation.id == operation.id


def waiting(runtime: Runtime) -> None:
    """A replay has built its generation and asks to be looked at."""
    calm(runtime)
    runtime.start_replay("accounts", actor=ANA, review=True)
    carry_out(runtime)


def drifted(runtime: Runtime) -> None:
    """A check found a row changed, one missing and one that nothing implies."""
    calm(runtime)
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 999, owner = 'Eve' WHERE account_id = '3'")
        connection.exec_driver_sql("DELETE FROM accounts__g1 WHERE account_id = '4'")
    runtime.start_check("accounts", actor=ANA)
    carry_out(runtime)


def carry_out(runtime: Runtime) -> None:
    OperationRunner(runtime.operations, runtime.operation_handlers, "worker-1").step()


def take_away(runtime: Runtime) -> None:
    """The database of the read models is gone; the log is there."""
    runtime.read.dispose()
    assert runtime.read.path is not None
    for path in runtime.read.path.parent.glob("read.db*"):
        path.unlink()
    runtime.read.path.mkdir()


def attacked(runtime: Runtime) -> None:
    """Somebody put every hostile text wherever a text fits."""
    calm(runtime)
    hostile_history.record(runtime)
    runtime.projections.catch_up()


AWAY = "away"
SCENES: Mapping[str, Callable[[Runtime], None]] = {
    scene.__name__: scene
    for scene in (empty, calm, silent, failed, stopped, parked, paused, replaying, waiting, drifted, attacked)
} | {AWAY: calm}
