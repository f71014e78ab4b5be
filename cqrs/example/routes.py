"""The shop's own JSON routes, beside the general API: names and shapes as its clients know them.

Who may call them and how errors look is the console's business; here is only what differs from the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, request

from cqrs import Command, CommandResult, InvalidMessage, NotFound, Query, Runtime, Unvalidated
from cqrs.console import trail
from cqrs.console.api import body
from cqrs.console.commanding import command_context
from cqrs.example.orders import PlaceOrder
from cqrs.example.queries import FindUserByEmail, FindUsersByCity, GetUserById, GetUserStats
from cqrs.example.users import CreateUser, DeleteUser, UpdateUser
from cqrs.messages import message_name

#: A write waits so long for these, so that who writes and then reads finds what was written. It succeeds regardless.
READ_BACK = ("users", "user_stats")
PATIENCE_SECONDS = 1.0

Json = dict[str, Any]


def routes(runtime: Runtime) -> Blueprint:
    users = UserRoutes(runtime)
    blueprint = Blueprint("example", __name__)
    blueprint.add_url_rule("/users", view_func=users.create, methods=["POST"], endpoint="create_user")
    blueprint.add_url_rule("/users", view_func=users.find, endpoint="find_users")
    blueprint.add_url_rule("/users/<user_id>", view_func=users.show, endpoint="show_user")
    blueprint.add_url_rule("/users/<user_id>", view_func=users.update, methods=["PUT"], endpoint="update_user")
    blueprint.add_url_rule("/users/<user_id>", view_func=users.delete, methods=["DELETE"], endpoint="delete_user")
    blueprint.add_url_rule("/users/<user_id>/stats", view_func=users.stats, endpoint="user_stats")
    blueprint.add_url_rule("/orders", view_func=users.order, methods=["POST"], endpoint="place_order")
    return blueprint


class UserRoutes:
    def __init__(self, runtime: Runtime) -> None:
        self._mediator = runtime.mediator

    def create(self) -> tuple[Json, int]:
        done = self._send(CreateUser, body.fields())
        return {"userId": done.result["user_id"]}, created(done)

    def update(self, user_id: str) -> Json:
        done = self._send_to(user_id, UpdateUser, body.fields())
        return {"userId": done.result["user_id"]}

    def delete(self, user_id: str) -> tuple[str, int]:
        self._send_to(user_id, DeleteUser, {})
        return "", 204

    def order(self) -> tuple[Json, int]:
        fields = {"user_id" if name == "userId" else name: value for name, value in body.fields().items()}
        try:
            done = self._send(PlaceOrder, fields)
        except InvalidMessage as invalid:
            raise InvalidMessage({as_sent(field): texts for field, texts in invalid.errors.items()}) from None
        return {"orderId": done.result["order_id"]}, created(done)

    def find(self) -> Json:
        asked = request.args.to_dict()
        if "email" in asked:
            user = self._ask(FindUserByEmail, asked)
            return {"users": [] if user is None else [as_user(user)], "next": None}
        found = self._ask(FindUsersByCity, asked)
        return {"users": [as_user(user) for user in found["users"]], "next": found["next"]}

    def show(self, user_id: str) -> Json:
        return as_user(self._ask_about(user_id, GetUserById))

    def stats(self, user_id: str) -> Json:
        stats = self._ask_about(user_id, GetUserStats)
        return {
            "orderCount": stats["order_count"],
            "totalSpent": stats["total_spent"],
            "lastOrderDate": stats["last_order_at"],
        }

    def _send_to(self, user_id: str, command: type[Command], fields: Mapping[str, object]) -> CommandResult:
        """Raises NotFound for a user who is not there: the path names the user, the body is not to blame."""
        try:
            return self._send(command, {**fields, "user_id": user_id})
        except InvalidMessage as invalid:
            if "user_id" in invalid.errors:
                raise NotFound(what="user", name=user_id) from None
            raise

    def _send(self, command: type[Command], fields: Mapping[str, object]) -> CommandResult:
        context = command_context(idempotency_key=request.headers.get("Idempotency-Key"))
        context = replace(context, wait_for=READ_BACK, wait_seconds=PATIENCE_SECONDS)
        name = message_name(command)
        done = self._mediator.send(Unvalidated(name=name, fields=fields), context)
        trail.note(detail={"command": name, "command_id": done.command_id, "position": done.position})
        return done

    def _ask_about(self, user_id: str, query: type[Query]) -> Json:
        """Raises NotFound for a user who is not there, and for what cannot be an id at all."""
        try:
            found = self._ask(query, {"user_id": user_id})
        except InvalidMessage:
            found = None
        if found is None:
            raise NotFound(what="user", name=user_id)
        return dict(found)

    def _ask(self, query: type[Query], fields: Mapping[str, object]) -> Any:
        asked = Unvalidated(name=message_name(query), fields=fields, strict=False)
        return self._mediator.ask(asked, command_context()).value


def created(done: CommandResult) -> int:
    """A request repeated under its idempotency key has created nothing."""
    return 200 if done.repeated else 201


def as_user(row: Mapping[str, Any]) -> Json:
    profile = {"city": row["city"], "registeredAt": row["registered_at"]}
    return {"id": row["user_id"], "name": row["name"], "email": row["email"], "profile": profile}


def as_sent(field: str) -> str:
    return "userId" if field == "user_id" else field
