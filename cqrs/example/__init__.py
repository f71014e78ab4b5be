"""The example: users and their orders. Copy this package, replace what is in it, name it in CQRS_DOMAINS."""

from __future__ import annotations

from cqrs import Domain
from cqrs.example import credentials, orders, projections, queries, routes, seed, trickle, users

domain = Domain(
    "example",
    title="Users and orders",
    events=[users.UserCreated, users.UserUpdated, users.UserDeleted, orders.OrderPlaced, orders.OrderCancelled],
    aggregates={"user": users.User, "order": orders.Order},
    command_handlers={
        users.CreateUser: users.create_user,
        users.UpdateUser: users.update_user,
        users.DeleteUser: users.delete_user,
        orders.PlaceOrder: orders.place_order,
        orders.CancelOrder: orders.cancel_order,
    },
    query_handlers={
        queries.GetUserById: queries.get_user_by_id,
        queries.FindUserByEmail: queries.find_user_by_email,
        queries.FindUsersByCity: queries.find_users_by_city,
        queries.GetUserStats: queries.get_user_stats,
    },
    projections=[projections.Users, projections.UserStats, projections.Orders, projections.DailySales],
    write_models=[credentials.credentials],
    routes=routes.routes,
    seed=seed.seed,
    trickle=trickle.trickle,
)
