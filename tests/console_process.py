"""The program as its user starts it: `python app.py` in a process of its own, with a folder of its own."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
#: A machine that is busy with other things may take long to load the demo data.
START_SECONDS = 180.0


class ConsoleProcess:
    """`DEMO` is off unless the settings say otherwise; the port is a free one."""

    def __init__(self, instance: Path, *command: str, **settings: str) -> None:
        """`command` runs instead of `app.py`."""
        self._process = subprocess.Popen(
            [sys.executable, "-u", *(command or ("app.py",))],
            cwd=ROOT,
            env=environment(instance, **{"PORT": "0", **settings}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.errors: list[str] = []
        assert self._process.stdout
        assert self._process.stderr
        out, err = self._process.stdout, self._process.stderr
        self._readers = [
            threading.Thread(target=lambda: [self._lines.put(line) for line in out] + [self._lines.put(None)]),
            threading.Thread(target=lambda: self.errors.extend(err)),
        ]
        for reader in self._readers:
            reader.start()

    def link(self) -> str:
        """The sign-in link, once it is printed."""
        line = self.line()
        assert line.startswith("Console: http://127.0.0.1:"), line
        return line.removeprefix("Console: ").strip()

    def line(self) -> str:
        """The next line it prints."""
        line = self._lines.get(timeout=START_SECONDS)
        assert line is not None, f"it ended: {''.join(self.errors)}"
        return line

    def kill(self) -> None:
        """As `kill -9` does."""
        self._process.kill()
        self._finish()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; the exit code."""
        self._process.send_signal(number)
        return self._finish()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._finish()

    def output(self) -> str:
        """What it printed and nobody took; only after its end."""
        lines = []
        while (line := self._lines.get(timeout=START_SECONDS)) is not None:
            lines.append(line)
        return "".join(lines)

    def _finish(self) -> int:
        try:
            code = self._process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            for reader in self._readers:
                reader.join(timeout=START_SECONDS)
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()
        return code


def environment(instance: Path, **settings: str) -> dict[str, str]:
    """That of this process, with nothing of its own settings left."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "INSTANCE": str(instance), "DEMO": "0", **settings}


def shell(instance: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`flask --app app cqrs …`"""
    command = [sys.executable, "-m", "flask", "--app", "app", "cqrs", *arguments]
    env = environment(instance, **settings)
    return subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=START_SECONDS, check=False
    )


def call(
    address: str,
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request on a connection of its own. Raises OSError when nobody answers."""
    sent = {**(headers or {})}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
