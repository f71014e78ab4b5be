"""The one-process form, as a user meets it: it starts, it says what stands in its way, it stops cleanly."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app import create_app
from cqrs.runtime import EXTENSION
from tests.console_process import ConsoleProcess, call, shell

Start = Callable[..., ConsoleProcess]


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "instance"


@pytest.fixture
def start(instance: Path) -> Iterator[Start]:
    """Starts the program with these settings; none outlives the test."""
    started: list[ConsoleProcess] = []

    def begin(*command: str, **settings: str) -> ConsoleProcess:
        started.append(ConsoleProcess(instance, *command, **settings))
        return started[-1]

    yield begin
    for console in started:
        console.kill()


def base_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


def refused(console: ConsoleProcess) -> str:
    """What it said on stderr when it would not start."""
    code = console.wait()
    said = "".join(console.errors)
    assert code == 1, said
    assert "Traceback" not in said
    assert console.output() == ""
    return said.strip()


class TestCreateApp:
    def test_it_starts_no_thread_and_opens_no_connection(self, instance: Path) -> None:
        threads = threading.enumerate()
        app = create_app({"INSTANCE": str(instance), "TESTING": True})
        assert threading.enumerate() == threads
        assert [path.name for path in instance.iterdir()] == ["secret_key"]
        assert app.testing

    def test_without_tables_it_answers_and_says_what_to_do(self, instance: Path) -> None:
        app = create_app({"INSTANCE": str(instance)})
        with app.test_client() as client:
            assert client.get("/healthz").status_code == 200
            answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "init-db" in answer.get_json()["reasons"][0]


class TestStart:
    def test_it_prints_one_link_that_signs_in_once_and_keeps_its_data(self, start: Start, instance: Path) -> None:
        first = start()
        link = first.link()
        base = base_of(link)
        assert call(base, "GET", "/healthz")[0] == 200
        assert call(base, "HEAD", path_of(link))[0] < 400
        status, headers, _ = call(base, "GET", path_of(link))
        assert status == 303
        cookie = headers["Set-Cookie"].partition(";")[0]
        assert call(base, "GET", "/", headers={"Cookie": cookie})[0] == 200
        assert call(base, "GET", path_of(link))[0] == 403
        assert call(base, "GET", "/")[0] in (302, 303)
        token = json.loads(shell(instance, "tokens", "add", "robot", "--role", "operator", "--json").stdout)["token"]
        body = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
        assert call(base, "POST", "/api/commands/CreateUser", token=token, body=body)[0] == 201
        assert first.stop() == 0
        assert first.output() == ""

        second = start()
        base = base_of(second.link())
        events = json.loads(call(base, "GET", "/api/events", token=token)[2])["events"]
        assert [event["type"] for event in events] == ["UserCreated"]
        ready = json.loads(call(base, "GET", "/readyz")[2])
        assert ready == {"ready": True, "reasons": []}
        assert second.stop(signal.SIGINT) == 0
        assert link.partition("token=")[2] not in "".join(first.errors + second.errors)

    def test_a_request_under_way_is_answered_when_it_is_told_to_stop(self, start: Start, instance: Path) -> None:
        console = start()
        base = base_of(console.link())
        token = json.loads(shell(instance, "tokens", "add", "robot", "--role", "viewer", "--json").stdout)["token"]
        answers: list[int] = []
        slow = "/api/queries/FindUsersByCity?city=Ulm&min_position=1000000&timeout_ms=4000"
        request = threading.Thread(target=lambda: answers.append(call(base, "GET", slow, token=token)[0]))
        request.start()
        request.join(2.0)  # it has arrived by then, and is not answered yet
        assert console.stop() == 0
        request.join(30)
        assert answers == [425]

    @pytest.mark.slow
    def test_the_very_first_run_loads_demo_data_and_only_that(self, start: Start, instance: Path) -> None:
        heads = []
        for _ in range(2):
            console = start(DEMO="1", DEMO_TRICKLE="0")
            console.link()
            assert console.stop() == 0
            with sqlite3.connect(instance / "projectionist.db") as database:
                heads.append(database.execute("SELECT max(position) FROM events").fetchone()[0])
            database.close()
        assert heads[0] == heads[1] > 5_000


class TestWhatStandsInTheWay:
    @pytest.fixture
    def taken(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as other:
            yield other.getsockname()[1]

    def test_a_port_in_use(self, start: Start, instance: Path, taken: int) -> None:
        said = refused(start(PORT=str(taken)))
        assert said == (
            f"Port {taken} on 127.0.0.1 is in use. Stop the other program, or choose another port: PORT=5001 make run"
        )
        assert not (instance / "projectionist.db").exists()

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is not the address of a database"),
            ({"DATABASE_URL": "sqlite:////no/such/folder/main.db"}, "/no/such/folder does not exist"),
            ({"PORT": "eighty", "LOG_FORMAT": "xml"}, "PORT=eighty must be a whole number"),
            ({"HOST": "0.0.0.0"}, "nobody is set up to sign in"),
            ({"CQRS_DOMAINS": "shop.nothing:domain"}, "there is no module shop"),
        ],
    )
    def test_settings_that_cannot_work(
        self, start: Start, instance: Path, settings: dict[str, str], sentence: str
    ) -> None:
        said = refused(start(**settings))
        assert sentence in said
        assert len(said.splitlines()) == len([name for name in settings if name in ("PORT", "LOG_FORMAT")] or [1])

    def test_an_instance_folder_that_is_none(self, start: Start, instance: Path) -> None:
        instance.write_text("a file is in the way")
        said = refused(start())
        assert "a folder of that name is needed" in said
        assert len(said.splitlines()) == 1
        said = refused(start(SECRET_KEY="0123456789abcdef0123456789abcdef"))
        assert "a folder of that name is needed" in said
        assert len(said.splitlines()) == 1

    def test_a_file_that_is_no_database(self, start: Start, instance: Path) -> None:
        instance.mkdir()
        (instance / "projectionist.db").write_bytes(b"what a fine day" * 1000)
        assert "not a readable SQLite database" in refused(start())

    def test_tables_of_a_newer_program(self, start: Start, instance: Path) -> None:
        assert shell(instance, "init-db").returncode == 0
        with sqlite3.connect(instance / "projectionist.db") as database:
            database.execute("UPDATE projectionist_main_version SET version_num = 'main_9999_tomorrow'")
        database.close()
        assert "newer program (revision main_9999_tomorrow)" in refused(start())


def test_people_who_were_set_up_open_the_way_to_other_machines(start: Start, instance: Path) -> None:
    outside = {"HOST": "0.0.0.0", "TRUSTED_HOSTS": "console.example.org"}
    assert shell(instance, "init-db").returncode == 0
    added = shell(instance, "people", "add", "ada", "--role", "admin", **outside)
    assert added.stdout.startswith("http://console.example.org:5000/sign-in?token=")
    console = start(**outside)
    line = console.line()
    assert line.startswith("Serving http://0.0.0.0:")
    port = urlsplit(line.split()[1]).port
    assert call(f"http://127.0.0.1:{port}", "GET", "/sign-in", headers={"Host": "console.example.org"})[0] == 200
    assert call(f"http://127.0.0.1:{port}", "GET", "/sign-in", headers={"Host": "evil.example.org"})[0] == 400
    assert console.stop() == 0


def test_a_worker_alone_moves_what_others_append(start: Start, instance: Path) -> None:
    assert shell(instance, "init-db").returncode == 0
    worker = start("-m", "flask", "--app", "app", "cqrs", "worker")
    assert worker.line().endswith("is at work.\n")
    app = create_app({"INSTANCE": str(instance), "DEMO": "0"})
    runtime = app.extensions[EXTENSION]
    assert runtime.ready().ok
    command = runtime.catalogue.commands["CreateUser"]
    sent = runtime.mediator.send(command(name="Ada", email="ada@example.org", password="correct horse"))
    assert runtime.projections.wait(runtime.projections.names(), sent.position, 30) == sent.position
    assert worker.stop() == 0
    assert not runtime.ready().ok
    runtime.close()
