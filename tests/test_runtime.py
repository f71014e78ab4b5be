"""The runtime: the parts of a program put together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cqrs.domain import Domain
from cqrs.errors import DomainFault, ReadModelMissing, SchemaMissing, UnsupportedDatabase
from cqrs.example.orders import CancelOrder, PlaceOrder
from cqrs.example.queries import FindUsersByCity
from cqrs.example.users import CreateUser
from cqrs.identifiers import new_id
from cqrs.messages import Context
from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from cqrs.store.tables import main
from cqrs.workers import tables
from tests.conftest import RuntimeFactory
from tests.operators.aging import age

ADA = CreateUser(name="Ada", email="ada@example.org", password="correct horse", city="Ulm")


def create_user(runtime: Runtime) -> str:
    return str(runtime.mediator.send(ADA, Context(actor="grace")).result["user_id"])


def append_raw(runtime: Runtime, stream: str, type: str, data: bytes) -> None:
    event = NewEvent(
        type=type,
        schema_version=1,
        data=data,
        event_id=new_id(),
        correlation_id=new_id(),
        causation_id=None,
        actor="old",
    )
    runtime.events.append(stream, [event])


def test_building_one_touches_nothing(new_runtime: RuntimeFactory, tmp_path: Path) -> None:
    threads = threading.enumerate()
    new_runtime()
    assert list(tmp_path.rglob("*.db*")) == []
    assert threading.enumerate() == threads


def test_a_url_that_cannot_be_used_is_refused_at_once(new_runtime: RuntimeFactory) -> None:
    with pytest.raises(UnsupportedDatabase):
        new_runtime(DATABASE_URL="sqlite:///:memory:")


def test_one_file_is_one_database_however_it_is_spelt(new_runtime: RuntimeFactory, tmp_path: Path) -> None:
    spelt = f"sqlite:///{tmp_path}/instance/../instance/projectionist.db"
    runtime = new_runtime(READ_DATABASE_URL=spelt)
    assert runtime.read is runtime.main


@pytest.mark.parametrize("read", ["sqlite:///instance/projectionist.db", "sqlite:///read.db"])
def test_a_command_becomes_visible_whether_there_is_one_database_or_two(new_runtime: RuntimeFactory, read: str) -> None:
    runtime = new_runtime(READ_DATABASE_URL=read)
    runtime.init()
    user_id = create_user(runtime)
    before = runtime.mediator.ask(FindUsersByCity(city="Ulm"))
    assert before.position == 0
    runtime.projections.catch_up()
    answer = runtime.mediator.ask(FindUsersByCity(city="Ulm"))
    assert answer.position == 1
    assert isinstance(answer.value, dict)
    assert [user["user_id"] for user in answer.value["users"]] == [user_id]


def test_without_tables_it_says_what_to_do(new_runtime: RuntimeFactory) -> None:
    runtime = new_runtime()
    (tmp := runtime.settings.instance).mkdir(exist_ok=True)
    assert tmp.is_dir()
    with pytest.raises(SchemaMissing, match="init-db"):
        runtime.check()
    ready = runtime.ready()
    assert not ready.ok
    assert "init-db" in ready.reasons[0]


def test_a_query_before_the_first_generation_says_so(runtime: Runtime) -> None:
    with runtime.read.write() as connection:
        connection.exec_driver_sql("DELETE FROM generations")
    with pytest.raises(ReadModelMissing):
        runtime.mediator.ask(FindUsersByCity(city="Ulm"))


def test_it_is_ready_as_long_as_a_worker_lives(runtime: Runtime) -> None:
    runtime.check()
    assert runtime.ready().reasons == ["No worker is alive. Start one: make worker"]
    runtime.workers.beat("a", host="here", pid=7)
    assert runtime.ready().ok
    age(runtime.main, tables.workers, timedelta(minutes=1))
    assert not runtime.ready().ok


def test_tables_may_be_made_again_and_by_several_at_once(new_runtime: RuntimeFactory) -> None:
    runtimes = [new_runtime() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Runtime.init, runtimes))
    runtimes[0].init()
    create_user(runtimes[1])
    assert runtimes[2].events.head() == 1


def test_a_database_in_a_folder_that_is_missing_is_not_made_silently(new_runtime: RuntimeFactory) -> None:
    runtime = new_runtime(DATABASE_URL="sqlite:///no/such/folder/main.db")
    assert "does not exist" in runtime.ready().reasons[0]


@pytest.mark.parametrize("name", ["events", "Audit", "generations", "projectionist_main_version"])
def test_a_table_of_the_domain_may_not_have_the_name_of_one_of_ours(new_runtime: RuntimeFactory, name: str) -> None:
    domain = Domain("shop", write_models=[sa.Table(name, sa.MetaData(), sa.Column("id", sa.Text, primary_key=True))])
    with pytest.raises(DomainFault, match=f"The table {name} has the name of one of our own"):
        new_runtime(domain)


def test_the_tables_of_operators_and_workers_are_in_the_main_database() -> None:
    assert {"events", "people", "audit", "leases", "samples"} <= set(main.tables)


class TestStreamState:
    def test_a_stream_has_a_state_at_each_version(self, runtime: Runtime) -> None:
        user_id = create_user(runtime)
        placed = runtime.mediator.send(PlaceOrder(user_id=user_id, amount="9.90"))  # type: ignore[arg-type]
        order_id = placed.result["order_id"]
        runtime.mediator.send(CancelOrder(order_id=order_id, reason="changed my mind"))
        stream = f"order-{order_id}"
        first, last = runtime.stream_state(stream, 1), runtime.stream_state(stream)
        assert first is not None
        assert last is not None
        assert first != last
        assert runtime.stream_state(stream, 2) == last

    def test_it_is_unknown_rather_than_wrong(self, runtime: Runtime) -> None:
        append_raw(runtime, "letter-1", "LetterSent", b"{}")
        append_raw(runtime, "user-1", "UserCreated", b'{"id": 7}')
        assert runtime.stream_state("letter-1") is None
        assert runtime.stream_state("user-1") is None
        assert runtime.stream_state("user-2") is None


class TestEvents:
    def test_a_known_event_is_a_sentence(self, runtime: Runtime) -> None:
        create_user(runtime)
        recorded = runtime.events.get(1)
        assert recorded is not None
        assert "Ada" in (runtime.summary(recorded) or "")

    def test_one_that_cannot_be_read_is_none(self, runtime: Runtime) -> None:
        append_raw(runtime, "letter-1", "LetterSent", b"{}")
        append_raw(runtime, "user-1", "UserCreated", b"[]")
        for recorded in runtime.events.read_all():
            assert runtime.decode(recorded) is None
            assert runtime.summary(recorded) is None


def test_closing_wakes_whoever_waits(runtime: Runtime) -> None:
    waited: list[int] = []
    thread = threading.Thread(target=lambda: waited.append(runtime.events.wait_beyond(100, 60)))
    thread.start()
    runtime.close()
    thread.join(10)
    assert waited == [0]
