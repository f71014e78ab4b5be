"""Users: what may be asked of them, and what is refused in which words."""

from __future__ import annotations

import threading

import argon2
import pytest
import sqlalchemy as sa

from cqrs.errors import InvalidMessage
from cqrs.example.credentials import credentials
from cqrs.example.users import NO_USER, CreateUser, DeleteUser, UpdateUser, UserCreated, UserDeleted, UserUpdated
from cqrs.messages import Context
from cqrs.runtime import Runtime
from cqrs.testing import Scenario
from cqrs.validation import revalidate
from tests.example.histories import stored_event

PASSWORD = "correct horse"
TAKEN = "This e-mail address is already in use. Choose another one."
ADA = UserCreated(user_id="ada", name="Ada Lovelace", email="ada@example.org", city="London")


def create(runtime: Runtime, email: str = "ada@example.org", name: str = "Ada") -> str:
    result = runtime.mediator.send(CreateUser(name=name, email=email, password=PASSWORD)).result
    return str(result["user_id"])


def stored(runtime: Runtime) -> list[dict[str, object]]:
    with runtime.main.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(credentials)).mappings()]


def test_creating_a_user_records_who_registered(stored_scenario: Scenario) -> None:
    stored_scenario.when(
        CreateUser(name=" Ada Lovelace ", email=" Ada@Example.ORG ", password=PASSWORD, city=" London ")
    )
    stored_scenario.then(
        UserCreated(user_id=stored_scenario.id(), name="Ada Lovelace", email="ada@example.org", city="London")
    )
    stored_scenario.then_result(user_id=stored_scenario.id())


def test_a_city_may_be_left_out(stored_scenario: Scenario) -> None:
    stored_scenario.when(CreateUser(name="Ada", email="ada@example.org", password=PASSWORD))
    stored_scenario.then(UserCreated(user_id=stored_scenario.id(), name="Ada", email="ada@example.org", city=None))


def test_only_a_hash_of_the_password_is_kept_and_only_in_the_credentials(runtime: Runtime) -> None:
    user_id = create(runtime)
    (row,) = stored(runtime)
    assert row["user_id"] == user_id
    assert argon2.PasswordHasher().verify(str(row["password_hash"]), PASSWORD)
    assert runtime.main.path is not None
    files = runtime.main.path.parent.glob(runtime.main.path.name + "*")
    assert not any(PASSWORD.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("same", ["ada@example.org", " ADA@example.org", "ada@EXAMPLE.org\n"])
def test_an_address_in_use_is_refused_on_its_field(runtime: Runtime, same: str) -> None:
    create(runtime)
    scenario = Scenario(runtime).when(CreateUser(name="Eve", email=same, password=PASSWORD))
    scenario.then_refused(email=TAKEN)
    assert runtime.events.head() == len(stored(runtime)) == 1


def test_a_dry_run_tests_the_address_too_and_keeps_nothing(runtime: Runtime) -> None:
    eve = CreateUser(name="Eve", email="ada@example.org", password=PASSWORD)
    assert runtime.mediator.send(eve, Context(dry_run=True)).position is None
    assert stored(runtime) == []
    create(runtime)
    with pytest.raises(InvalidMessage, match="already in use"):
        runtime.mediator.send(eve, Context(dry_run=True))


def test_of_eight_users_at_once_one_gets_the_address(runtime: Runtime) -> None:
    together, won, lost = threading.Barrier(8), [], []

    def register(name: str) -> None:
        together.wait()
        try:
            won.append(create(runtime, name=name))
        except InvalidMessage as refusal:
            lost.append(refusal.errors)

    threads = [threading.Thread(target=register, args=(f"Ada {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["user_id"] for row in stored(runtime)] == won
    assert lost == [{"email": [TAKEN]}] * 7
    assert runtime.events.head() == 1


def test_deleting_a_user_frees_the_address(runtime: Runtime) -> None:
    first = create(runtime)
    runtime.mediator.send(DeleteUser(user_id=first))
    assert stored(runtime) == []
    assert create(runtime) != first


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", "  ", "This must not be blank."),
        ("name", "x" * 101, "Give at most 100 characters."),
        ("email", "ada", "This is not an e-mail address. Write it like ada@example.org."),
        ("email", "a@b@c", "This is not an e-mail address. Write it like ada@example.org."),
        ("email", "ada lovelace@example.org", "This is not an e-mail address. Write it like ada@example.org."),
        ("password", "seven77", "Give at least 8 characters."),
        ("city", " ", "This must not be blank."),
    ],
)
def test_what_cannot_be_right_is_refused_on_its_field(field: str, value: str, sentence: str) -> None:
    fields = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD, "city": "London", field: value}
    with pytest.raises(InvalidMessage) as refused:
        revalidate(CreateUser(**fields))
    assert refused.value.errors == {field: [sentence]}


def test_a_command_does_not_show_the_password() -> None:
    assert PASSWORD not in repr(CreateUser(name="Ada", email="ada@example.org", password=PASSWORD))


def test_an_update_keeps_what_is_not_given(scenario: Scenario) -> None:
    scenario.given("user-ada", ADA).when(UpdateUser(user_id="ada", name=" Ada King "))
    scenario.then(UserUpdated(user_id="ada", name="Ada King", city="London"))


def test_an_update_of_the_city_keeps_the_name(scenario: Scenario) -> None:
    scenario.given("user-ada", ADA).when(UpdateUser(user_id="ada", city="Paris"))
    scenario.then(UserUpdated(user_id="ada", name="Ada Lovelace", city="Paris")).then_result(user_id="ada")


@pytest.mark.parametrize("update", [UpdateUser(user_id="ada"), UpdateUser(user_id="ada", city="London ")])
def test_an_update_that_changes_nothing_records_nothing(scenario: Scenario, update: UpdateUser) -> None:
    scenario.given("user-ada", ADA).when(update).then().then_result(user_id="ada")


def test_a_user_stored_by_version_1_can_be_updated(runtime: Runtime) -> None:
    data = {"id": "ada", "name": "Ada Lovelace", "email": "ada@example.org"}
    runtime.events.append("user-ada", [stored_event("UserCreated", 1, data)])
    scenario = Scenario(runtime).when(UpdateUser(user_id="ada", city="Paris"))
    scenario.then(UserUpdated(user_id="ada", name="Ada Lovelace", city="Paris"))


@pytest.mark.parametrize("command", [UpdateUser(user_id="ada", name="Eve"), DeleteUser(user_id="ada")])
def test_who_never_was_or_is_no_more_cannot_be_changed(runtime: Runtime, command: UpdateUser | DeleteUser) -> None:
    Scenario(runtime).when(command).then_refused(user_id=NO_USER)
    gone = Scenario(runtime).given("user-ada", ADA, UserDeleted(user_id="ada", name="Ada Lovelace"))
    gone.when(command).then_refused(user_id=NO_USER)


@pytest.mark.parametrize("user_id", ["", "a b", "ada\n", "../ada", "a" * 65, "ä"])
def test_what_cannot_be_an_id_is_an_unknown_user(user_id: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        revalidate(DeleteUser(user_id=user_id))
    assert refused.value.errors == {"user_id": [NO_USER]}


def test_deleting_a_user_tells_who_left(stored_scenario: Scenario) -> None:
    stored_scenario.given("user-ada", ADA).when(DeleteUser(user_id="ada"))
    stored_scenario.then(UserDeleted(user_id="ada", name="Ada Lovelace"))
