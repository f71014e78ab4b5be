"""What surrounds every handler: who may, what is built, what is tried again."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from cqrs.dispatch import CommandResult, Dispatch, Unvalidated
from cqrs.errors import AccessDenied, ConcurrencyError, CqrsError, InvalidMessage, TransactionClash
from cqrs.messages import Command, Context, Message, Query, Role, Secret
from cqrs.middleware import IdempotencyKeys, authorise, idempotent, log, retry, validate, waiting
from cqrs.store.records import IdempotencyKey, RecordedEvent, Repeated


class SignUp(Command):
    name: str
    password: Secret
    age: int = 18


class FindUser(Query):
    name: str


COMMAND = SignUp(name="Ada", password="correct horse")


def dispatch(message: Message | Unvalidated = COMMAND, **context: Any) -> Dispatch:
    cls = SignUp if isinstance(message, Unvalidated) else type(message)
    options = {"command_id": "c-1", "correlation_id": "c-1"} | context
    return Dispatch(name=cls.__name__, message_class=cls, request=message, context=Context(**options))


def result(position: int | None = 7) -> CommandResult:
    return CommandResult(command_id="c-1", correlation_id="c-1", position=position, events=(), result={})


# Who may


@pytest.mark.parametrize(
    ("message", "role", "needed"),
    [
        (COMMAND, Role.VIEWER, Role.OPERATOR),
        (COMMAND, Role.OPERATOR, None),
        (COMMAND, Role.ADMIN, None),
        (FindUser(name="Ada"), Role.VIEWER, None),
    ],
)
def test_commands_are_for_operators_and_queries_for_viewers(message: Message, role: Role, needed: Role | None) -> None:
    asked = dispatch(message, role=role, actor="vera")
    if needed is None:
        assert authorise(asked, lambda passed: passed) is asked
        return
    with pytest.raises(AccessDenied, match=r"SignUp needs the role operator; vera has viewer\. Ask an admin\."):
        authorise(asked, lambda passed: pytest.fail("the handler was reached"))


# What is asked


def test_raw_fields_become_a_message() -> None:
    raw = Unvalidated("SignUp", {"name": "Ada", "password": "x", "age": "30"}, strict=False)
    assert validate(dispatch(raw), lambda passed: passed.message) == SignUp(name="Ada", password="x", age=30)


def test_messages_built_in_python_are_validated_too() -> None:
    with pytest.raises(InvalidMessage, match="age: This must be a whole number"):
        validate(dispatch(SignUp(name="Ada", password="x", age="old")), lambda passed: None)  # type: ignore[arg-type]


def test_a_message_that_is_not_validated_cannot_be_used() -> None:
    with pytest.raises(RuntimeError, match="not validated yet"):
        _ = dispatch(Unvalidated("SignUp", {})).message


def test_raw_fields_are_not_shown() -> None:
    assert "correct horse" not in repr(dispatch(Unvalidated("SignUp", {"password": "correct horse"})))


# Trying again


class Conflicts:
    """A handler that meets so many conflicts before it gets through."""

    def __init__(self, times: int, error: CqrsError | None = None) -> None:
        self.left = times
        self.error = error or ConcurrencyError(stream="book-1", expected=1, actual=2)
        self.calls = 0

    def __call__(self, passed: Dispatch) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "done"


def test_a_conflict_is_tried_again_three_times_in_all() -> None:
    handler = Conflicts(2)
    assert retry(dispatch(), handler) == "done"
    assert handler.calls == 3


def test_the_third_conflict_is_the_answer() -> None:
    handler = Conflicts(3)
    with pytest.raises(ConcurrencyError):
        retry(dispatch(), handler)
    assert handler.calls == 3


def test_who_names_the_version_hears_of_the_conflict_at_once() -> None:
    handler = Conflicts(1)
    with pytest.raises(ConcurrencyError):
        retry(dispatch(expected_version=0), handler)
    assert handler.calls == 1


@pytest.mark.parametrize("version", [None, 1])
def test_a_clash_of_transactions_is_tried_again_also_for_a_named_version(version: int | None) -> None:
    handler = Conflicts(2, TransactionClash(database="main"))
    assert retry(dispatch(expected_version=version), handler) == "done"
    with pytest.raises(TransactionClash):
        retry(dispatch(), Conflicts(3, TransactionClash(database="main")))


def test_other_errors_are_not_tried_again() -> None:
    calls = []

    def broken(passed: Dispatch) -> None:
        calls.append(passed)
        raise InvalidMessage({"": ["No."]})

    with pytest.raises(InvalidMessage):
        retry(dispatch(), broken)
    assert len(calls) == 1


# Waiting for projections


class Waits:
    def __init__(self, reached: int) -> None:
        self.reached = reached
        self.asked: list[tuple[tuple[str, ...], int, float]] = []

    def __call__(self, names: tuple[str, ...], position: int, seconds: float) -> int:
        self.asked.append((names, position, seconds))
        return self.reached


@pytest.mark.parametrize(("reached", "visible"), [(6, False), (7, True), (9, True)])
def test_a_sender_can_wait_until_projections_show_the_command(reached: int, visible: bool) -> None:
    waits = Waits(reached)
    answer = waiting(waits)(dispatch(wait_for=("users",), wait_seconds=1.5), lambda passed: result())
    assert answer == replace(result(), visible=visible)
    assert waits.asked == [(("users",), 7, 1.5)]


@pytest.mark.parametrize(("wait_for", "position"), [((), 7), (("users",), None)])
def test_nobody_waits_who_did_not_ask_or_has_nothing_to_wait_for(
    wait_for: tuple[str, ...], position: int | None
) -> None:
    waits = Waits(0)
    answer = waiting(waits)(dispatch(wait_for=wait_for), lambda passed: result(position))
    assert answer.visible is None
    assert waits.asked == []


# The same request twice


class Answers:
    """Remembers what it was asked for, and knows one answer or none."""

    def __init__(self, known: Repeated | None = None) -> None:
        self.known = known
        self.asked: list[IdempotencyKey] = []

    def find_answer(self, key: IdempotencyKey) -> Repeated | None:
        self.asked.append(key)
        return self.known


SECRET = b"s" * 32


def key_of(command: Command = COMMAND, secret: bytes = SECRET, **context: Any) -> IdempotencyKey | None:
    return IdempotencyKeys(secret).key_of(dispatch(command, **({"idempotency_key": "k"} | context)))


def body_hash(command: Command, secret: bytes = SECRET) -> str:
    key = key_of(command, secret)
    assert key is not None
    return key.body_hash


def test_a_new_key_is_handed_on_to_the_commit() -> None:
    answers: Any = Answers()
    middleware = idempotent(answers, SECRET)
    passed = middleware(dispatch(idempotency_key="k", actor="ada"), lambda passed: passed)
    assert passed.key == answers.asked[0]
    assert (passed.key.actor, passed.key.command, passed.key.key) == ("ada", "SignUp", "k")


def test_a_known_key_is_answered_without_the_handler() -> None:
    recorded = RecordedEvent(*range(9), None, "ada", None)._replace(position=41)  # type: ignore[arg-type]
    known = Repeated(command_id="c-0", correlation_id="t", result={"user_id": "u"}, events=(recorded,))
    answers: Any = Answers(known)
    answer = idempotent(answers, SECRET)(dispatch(idempotency_key="k"), lambda passed: pytest.fail("handled again"))
    assert (answer.command_id, answer.correlation_id, answer.position) == ("c-0", "t", 41)
    assert (answer.result, answer.repeated) == ({"user_id": "u"}, True)


@pytest.mark.parametrize("context", [{"idempotency_key": None}, {"dry_run": True}])
def test_without_a_key_and_in_a_dry_run_nothing_is_looked_up(context: dict[str, Any]) -> None:
    assert key_of(**context) is None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "\ud800"])
def test_a_key_is_a_short_printable_text(key: str) -> None:
    with pytest.raises(InvalidMessage, match="An idempotency key has 1 to 255 printable characters"):
        key_of(idempotency_key=key)


def test_another_body_has_another_hash_passwords_included() -> None:
    same = SignUp(age=18, password="correct horse", name="Ada")
    assert body_hash(COMMAND) == body_hash(same)
    assert body_hash(COMMAND) != body_hash(SignUp(name="Ada", password="another horse"))
    assert body_hash(COMMAND) != body_hash(SignUp(name="Eva", password="correct horse"))


def test_the_hash_cannot_be_made_without_the_secret_of_the_installation() -> None:
    assert body_hash(COMMAND) != body_hash(COMMAND, secret=b"t" * 32)
    assert len(body_hash(COMMAND)) == 64


# The log


def test_a_call_is_one_line_without_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="cqrs.middleware"):
        log(dispatch(actor="ada"), lambda passed: result())
    (line,) = caplog.records
    assert line.levelno == logging.INFO
    assert line.getMessage().startswith("SignUp answered for ada in ")
    assert line.command_id == "c-1"  # type: ignore[attr-defined]
    assert "correct horse" not in str(vars(line))


def test_a_refusal_is_logged_by_its_name_and_a_bug_as_failed(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(passed: Dispatch) -> CommandResult:
        raise InvalidMessage({"password": ["correct horse is too short."]})

    def fail(passed: Dispatch) -> CommandResult:
        raise ZeroDivisionError

    with caplog.at_level(logging.DEBUG, logger="cqrs.middleware"):
        with pytest.raises(InvalidMessage):
            log(dispatch(), refuse)
        with pytest.raises(ZeroDivisionError):
            log(dispatch(), fail)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("SignUp refused: InvalidMessage for system")
    assert "horse" not in first
    assert second.startswith("SignUp failed for system")


@pytest.mark.parametrize("quiet", [dispatch(FindUser(name="Ada")), dispatch(now=object())])
def test_queries_and_seeding_are_not_worth_a_line(quiet: Dispatch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cqrs.middleware"):
        log(quiet, lambda passed: result())
    assert caplog.records == []
