"""The shop's own JSON routes, beside the general API: names and shapes as its clients know them.

Who may call them and how errors look is the console's business; here is only what differs from the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, request

from cqrs.console import current
from cqrs.dispatch import Unvalidated
from cqrs.errors import InvalidMessage, NotFound
from cqrs.example.orders import PlaceOrder
from cqrs.example.queries import FindUserByEmail, FindUsersByCity, GetUserById, GetUserStats
from cqrs.example.users import CreateUser, DeleteUser, UpdateUser
from cqrs.json_text import read_json
from cqrs.messages import Command, Context, Query, message_name
from cqrs.runtime import Runtime

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
        result = self._send(CreateUser, read_json(request.get_data()))
        return {"userId": result["user_id"]}, 201

    def update(self, user_id: str) -> Json:
        result = self._send_to(user_id, UpdateUser, read_json(request.get_data()))
        return {"userId": result["user_id"]}

    def delete(self, user_id: str) -> tuple[str, int]:
        self._send_to(user_id, DeleteUser, {})
        return "", 204

    def order(self) -> tuple[Json, int]:
        body = read_json(request.get_data())
        fields = {"user_id" if name == "userId" else name: value for name, value in body.items()}
        try:
            result = self._send(PlaceOrder, fields)
        except InvalidMessage as invalid:
            raise InvalidMessage({as_sent(field): texts for field, texts in invalid.errors.items()}) from None
        return {"orderId": result["order_id"]}, 201

    def find(self) -> Json:
        asked = request.args.to_dict()
        if "email" in asked:
            user = self._ask(FindUserByEmail, asked)
            return {"users": [] if user is None else [as_user(user)], "next": None}
        if "cursor" in asked:
            asked["after"] = asked.pop("cursor")
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

    def _send_to(self, user_id: str, command: type[Command], fields: Mapping[str, object]) -> Mapping[str, Any]:
        """Raises NotFound for a user who is not there: the path names the user, the body is not to blame."""
        try:
            return self._send(command, {**fields, "user_id": user_id})
        except InvalidMessage as invalid:
            if "user_id" in invalid.errors:
                raise NotFound(what="user", name=user_id) from None
            raise

    def _send(self, command: type[Command], fields: Mapping[str, object]) -> Mapping[str, Any]:
        who = current.principal()
        assert who is not None  # the console lets nobody else in
        context = Context(
            actor=who.name,
            role=who.role,
            idempotency_key=request.headers.get("Idempotency-Key"),
            wait_for=READ_BACK,
            wait_seconds=PATIENCE_SECONDS,
        )
        message = Unvalidated(message_name(command), fields, strict=True)
        return self._mediator.send(message, context=context).result

    def _ask_about(self, user_id: str, query: type[Query]) -> Json:
        """Raises NotFound for a user who is not there, and for what cannot be an id at all."""
        try:
            found = self._ask(query, {"user_id": user_id})
        except InvalidMessage:
            found = None
        if found is None:
            raise NotFound(what="user", name=user_id)
        return found

    def _ask(self, query: type[Query], fields: Mapping[str, object]) -> Any:
        """The answer as JSON has it: money and times are texts."""
        answer = self._mediator.ask(Unvalidated(message_name(query), fields, strict=False), context=Context())
        return msgspec.to_builtins(answer.value)


def as_user(row: Mapping[str, Any]) -> Json:
    profile = {"city": row["city"], "registeredAt": row["registered_at"]}
    return {"id": row["user_id"], "name": row["name"], "email": row["email"], "profile": profile}


def as_sent(field: str) -> str:
    return "userId" if field == "user_id" else field
