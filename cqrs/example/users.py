"""Users: what may be asked of them (commands), what happened to them (events), and the rules between the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from cqrs import Aggregate, Command, Event, Secret, UnitOfWork, event
from cqrs.example.credentials import TAKEN, grant, hash_password, normal_email, revoke

#: What an id may look like; it becomes part of a stream's name. (`$` alone would let a last line break pass.)
ID = r"^[A-Za-z0-9-]{1,64}(?!\n)$"
NO_USER = "There is no user with this id."

UserId = Annotated[
    str,
    Meta(pattern=ID, description="The id that CreateUser answered with.", extra={"sentence": NO_USER}),
]
Name = Annotated[str, Meta(pattern=r"\S", max_length=100)]
City = Annotated[str, Meta(pattern=r"\S", max_length=100)]
Email = Annotated[
    str,
    Meta(
        pattern=r"^\s*[^\s@]+@[^\s@]+\s*$",
        max_length=254,
        description="Such as ada@example.org.",
        extra={"sentence": "This is not an e-mail address. Write it like ada@example.org."},
    ),
]
Password = Annotated[Secret, Meta(min_length=8, max_length=200)]


# What happened


def with_user_id_and_city(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 called it id, and knew no city."""
    return {"user_id": data["id"], "name": data["name"], "email": data["email"], "city": None}


@event("UserCreated", version=2, upcasters={1: with_user_id_and_city})
class UserCreated(Event):
    summary = "{name} registered as {email}"

    user_id: str
    name: str
    email: str
    city: str | None = None


@event("UserUpdated")
class UserUpdated(Event):
    """Carries the whole profile as it is from now on, so that a projection need not know what it was before."""

    summary = "{name} changed the profile"

    user_id: str
    name: str
    city: str | None = None


@event("UserDeleted")
class UserDeleted(Event):
    summary = "{name} left, user {user_id:.8} was deleted"

    user_id: str
    name: str


# What may be asked


class CreateUser(Command):
    """Registers a user. The e-mail address must not be in use; spaces around it and capitals do not count."""

    name: Name
    email: Email
    password: Password
    city: City | None = None


class UpdateUser(Command):
    """Changes name, city or both. What is not given stays; when nothing differs, nothing is recorded."""

    user_id: UserId
    name: Name | None = None
    city: City | None = None

    def stream_of(self) -> str:
        return f"user-{self.user_id}"


class DeleteUser(Command):
    """Deletes a user and frees the e-mail address. The orders stay."""

    user_id: UserId

    def stream_of(self) -> str:
        return f"user-{self.user_id}"


# The rules


class User(Aggregate):
    category: ClassVar[str] = "user"

    name: str = ""
    email: str = ""
    city: str | None = None
    active: bool = False

    def create(self, name: str, email: str, city: str | None) -> None:
        self.record(UserCreated(user_id=self.id, name=name, email=email, city=city))

    def update(self, name: str, city: str | None) -> None:
        if (name, city) != (self.name, self.city):
            self.record(UserUpdated(user_id=self.id, name=name, city=city))

    def delete(self) -> None:
        self.record(UserDeleted(user_id=self.id, name=self.name))

    def apply(self, event: Event) -> None:
        match event:
            case UserCreated():
                self.name, self.email, self.city, self.active = event.name, event.email, event.city, True
            case UserUpdated():
                self.name, self.city = event.name, event.city
            case UserDeleted():
                self.active = False


def create_user(command: CreateUser, unit: UnitOfWork) -> Mapping[str, str]:
    user = User(unit.new_id())
    user.create(command.name.strip(), normal_email(command.email), trimmed(command.city))
    unit.write(grant(user.id, user.email, hash_password(command.password)), unique=TAKEN)
    unit.save(user)
    return {"user_id": user.id}


def update_user(command: UpdateUser, unit: UnitOfWork) -> Mapping[str, str]:
    user = existing_user(unit, command.user_id)
    user.update(trimmed(command.name) or user.name, trimmed(command.city) or user.city)
    unit.save(user)
    return {"user_id": user.id}


def delete_user(command: DeleteUser, unit: UnitOfWork) -> Mapping[str, str]:
    user = existing_user(unit, command.user_id)
    user.delete()
    unit.write(revoke(user.id))
    unit.save(user)
    return {"user_id": user.id}


def existing_user(unit: UnitOfWork, user_id: str) -> User:
    """The user, or a refusal on the field `user_id` when there is none, or none any more."""
    user = unit.load(User, user_id)
    if not user.active:
        unit.invalid(user_id=NO_USER)
    return user


def trimmed(text: str | None) -> str | None:
    return text.strip() if text else None
