"""The program as it is deployed: web processes behind gunicorn, workers of their own, over one database."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.console_process import ConsoleProcess, call, shell
from tests.waiting import wait_until

_LISTENING = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")


class Deployment:
    """`database_url` None: an SQLite file in `instance`."""

    def __init__(self, instance: Path, database_url: str | None = None) -> None:
        self._instance = instance
        self._settings = {"DATABASE_URL": database_url} if database_url else {}
        self._access_log = instance / "access.log"
        self._processes: list[ConsoleProcess] = []
        self.workers: list[ConsoleProcess] = []
        self._run("init-db")
        self.token = str(json.loads(self._run("tokens", "add", "crowd", "--role", "admin", "--json"))["token"])
        self.address = ""

    def _run(self, *arguments: str) -> str:
        done = shell(self._instance, *arguments, **self._settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_web(self, processes: int = 2) -> None:
        """So many processes; the access log tells which of them answered."""
        options = ["--bind", "127.0.0.1:0", "--workers", str(processes), "--access-logfile", str(self._access_log)]
        options += ["--access-logformat", "served by %(p)s", "--no-control-socket"]
        self.web = self._start("-m", "gunicorn", *options, "app:create_app()")
        wait_until(lambda: any(map(_LISTENING.search, self.web.errors)), 60)
        self.address = next(found[1] for found in map(_LISTENING.search, self.web.errors) if found)
        wait_until(lambda: sum("Booting worker" in line for line in self.web.errors) == processes, 60)

    def start_worker(self) -> ConsoleProcess:
        """Returns once it says that it is at work."""
        worker = self._start("-m", "flask", "--app", "app", "cqrs", "worker")
        assert "is at work" in worker.line()
        self.workers.append(worker)
        return worker

    def _start(self, *command: str) -> ConsoleProcess:
        self._processes.append(ConsoleProcess(self._instance, *command, **self._settings))
        return self._processes[-1]

    def kill(self, process: ConsoleProcess) -> None:
        self._processes.remove(process)
        process.kill()

    def kill_web_process(self, pid: int) -> None:
        """One of those behind gunicorn, which starts another."""
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """All of it, politely."""
        while self._processes:
            self._processes.pop().stop()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, found = call(self.address, method, path, token=self.token, body=body, headers=named)
        return status, json.loads(found) if found else None

    def try_to_sign_in(self, link: str) -> int:
        """The status of an attempt from a browser."""
        form = urlencode({"link": link})
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=20)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.address}
            connection.request("POST", "/sign-in", form, {**headers, "Sec-Fetch-Site": "same-origin"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def served_by(self) -> set[int]:
        """The web processes that have answered so far."""
        lines = self._access_log.read_text().splitlines()
        return {int(line.removeprefix("served by <").removesuffix(">")) for line in lines}
