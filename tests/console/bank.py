"""A bank with one of everything the console shows: secrets, money, ids with slashes, routes that fail."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from flask import Blueprint, jsonify, request
from msgspec import Meta

from cqrs.aggregates import Aggregate
from cqrs.domain import Domain
from cqrs.messages import Command, Event, Query, Secret, event
from cqrs.projections.projection import Projection, on
from cqrs.queries import QueryContext
from cqrs.readmodels.types import Money
from cqrs.unit_of_work import UnitOfWork

Id = Annotated[str, Meta(min_length=1, max_length=60)]
Amount = Annotated[Decimal, Meta(extra={"minimum": "0.01", "scale": 2, "max_digits": 15})]


@event("AccountOpened")
class AccountOpened(Event):
    summary = "{owner} opened an account"

    account_id: str
    owner: str
    iban: str


@event("Deposited")
class Deposited(Event):
    account_id: str
    amount: Decimal


class OpenAccount(Command):
    """Opens an account."""

    account_id: Id
    owner: Annotated[str, Meta(min_length=1)]
    iban: str = "DE00 1234"
    pass_phrase: Secret = ""

    def stream_of(self) -> str:
        return f"account-{self.account_id}"


class Deposit(Command):
    account_id: Id
    amount: Amount

    def stream_of(self) -> str:
        return f"account-{self.account_id}"


class Explode(Command):
    """Its handler is broken."""


class GetBalance(Query):
    reads = ("accounts",)

    account_id: str
    places: int = 2


class Account(Aggregate):
    category = "account"

    owner: str = ""
    iban: str = ""
    balance: Decimal = Decimal("0.00")

    def apply(self, event: Event) -> None:
        match event:
            case AccountOpened():
                self.owner, self.iban = event.owner, event.iban
            case Deposited():
                self.balance += event.amount


accounts = sa.Table(
    "accounts",
    sa.MetaData(),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("iban", sa.Text, nullable=False),
    sa.Column("balance", Money, nullable=False, default=Decimal(0)),
)


class Accounts(Projection):
    table = accounts

    @on(AccountOpened, key="account_id", creates=True)
    def opened(row: Any, event: AccountOpened) -> None:
        row.owner, row.iban = event.owner, event.iban

    @on(Deposited, key="account_id")
    def deposited(row: Any, event: Deposited) -> None:
        row.balance += event.amount


def open_account(command: OpenAccount, unit: UnitOfWork) -> dict[str, Any]:
    account = Account(command.account_id)
    account.record(AccountOpened(account_id=command.account_id, owner=command.owner, iban=command.iban))
    unit.save(account)
    return {"account_id": command.account_id}


def deposit(command: Deposit, unit: UnitOfWork) -> None:
    account = unit.load(Account, command.account_id)
    if not account.version:
        unit.invalid(account_id="There is no such account.")
    account.record(Deposited(account_id=command.account_id, amount=command.amount))
    unit.save(account)


def explode(command: Explode, unit: UnitOfWork) -> None:
    raise RuntimeError("the vault is open: s3cr3t")


def get_balance(query: GetBalance, read: QueryContext) -> dict[str, Any] | None:
    return read.row(sa.select(accounts.c.balance).where(accounts.c.account_id == query.account_id))


def routes(runtime: Any) -> Blueprint:
    blueprint = Blueprint("bank", __name__)
    blueprint.add_url_rule("/tills", endpoint="tills", view_func=lambda: jsonify({"amount": Decimal("1.50")}))
    blueprint.add_url_rule("/tills", endpoint="add", methods=["POST"], view_func=lambda: (jsonify(request.json), 201))
    blueprint.add_url_rule("/tills/broken", endpoint="broken", view_func=broken)
    return blueprint


def broken() -> str:
    raise RuntimeError("the till is jammed: s3cr3t")


domain = Domain(
    "bank",
    events=[AccountOpened, Deposited],
    aggregates={"account": Account},
    command_handlers={OpenAccount: open_account, Deposit: deposit, Explode: explode},
    query_handlers={GetBalance: get_balance},
    projections=[Accounts],
    routes=routes,
)
