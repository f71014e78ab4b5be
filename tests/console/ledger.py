"""Accounts with something on them, for tests that look at pages."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

from werkzeug.test import TestResponse

from cqrs.dispatch import CommandResult
from cqrs.messages import Context
from cqrs.runtime import Runtime
from tests.console.bank import Deposit, OpenAccount


def open_account(runtime: Runtime, account_id: str = "1", owner: str = "Ada", **context: Any) -> CommandResult:
    command = OpenAccount(account_id=account_id, owner=owner)
    return runtime.mediator.send(command, context=Context(actor="ana", **context))


def deposit(runtime: Runtime, amount: str, account_id: str = "1") -> CommandResult:
    return runtime.mediator.send(Deposit(account_id=account_id, amount=Decimal(amount)), context=Context(actor="ben"))


def text_of(answer: TestResponse) -> str:
    """What a page says, without its markup, each run of spaces as one."""
    body = re.sub(r"<(script|style|svg|head)\b.*?</\1>", " ", answer.get_data(as_text=True), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def links_of(answer: TestResponse) -> list[str]:
    return [unescape(href) for href in re.findall(r'href="(/[^"]*)"', answer.get_data(as_text=True))]
