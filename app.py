"""The application: `create_app()` for a WSGI server, and everything in one process with `python app.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from flask import Flask

from cqrs import interpreter, log_lines
from cqrs.access_log import AccessLog
from cqrs.cli import cqrs_group
from cqrs.console import create_console
from cqrs.demo import Trickle, has_demo_data, seed_first_run
from cqrs.domain import Domain, load_domains
from cqrs.errors import CqrsError, Faults, NobodySetUp
from cqrs.runtime import EXTENSION, Runtime, build_runtime
from cqrs.serving import Listener, leaving_on_sigterm
from cqrs.settings import load_settings, setting_names
from cqrs.workers.scheduler import Scheduler
from cqrs.workers.worker import Worker

ROOT = Path(__file__).resolve().parent


def create_app(config: Mapping[str, object] | None = None, domains: Sequence[Domain] | None = None) -> Flask:
    """The console and the API. Starts no thread and opens no connection, so it may be made before a fork.

    `config` overrides settings; names that are none go into the configuration of Flask. Raises SettingsFault,
    DomainFault or UnsupportedDatabase.
    """
    try:
        return _create_app(config or {}, domains)
    except CqrsError as error:
        if click.get_current_context(silent=True) is None:
            raise
        raise click.ClickException(str(error)) from None


def _create_app(config: Mapping[str, object], domains: Sequence[Domain] | None) -> Flask:
    ours = {name: value for name, value in config.items() if name in setting_names()}
    settings = load_settings(os.environ, root=ROOT, overrides=ours)
    runtime = build_runtime(settings, load_domains(settings.domains) if domains is None else domains)
    app = Flask("projectionist", root_path=str(ROOT), instance_path=str(settings.instance))
    app.config.update({name: value for name, value in config.items() if name not in ours})
    app.secret_key = settings.secret_key
    app.extensions[EXTENSION] = runtime
    create_console(app, runtime)
    app.cli.add_command(cqrs_group)
    return app


def main() -> int:
    """The exit code. What stands in the way is one sentence on stderr."""
    try:
        run()
    except Faults as faults:
        sys.stderr.writelines(f"{fault}\n" for fault in faults.faults)
        return 1
    except CqrsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def run() -> None:
    """Take the port, make the database ready, start the workers, tell the link, serve until told to stop."""
    app = create_app()
    runtime: Runtime = app.extensions[EXTENSION]
    log_lines.configure(runtime.settings.log_format)
    interpreter.settle()
    with ExitStack() as cleanup:
        cleanup.callback(runtime.close)
        cleanup.enter_context(leaving_on_sigterm())
        listener = Listener(AccessLog(app), runtime.settings.host, runtime.settings.port)
        cleanup.callback(listener.close)
        make_ready(runtime)
        cleanup.enter_context(working(runtime))
        welcome(runtime, listener.address)
        listener.serve()


def make_ready(runtime: Runtime) -> None:
    """Raises NobodySetUp where strangers could reach a console that nobody was let into yet."""
    runtime.init()
    if not runtime.settings.on_loopback and not runtime.people.any():
        raise NobodySetUp(host=runtime.settings.host)
    seed_first_run(runtime)


@contextmanager
def working(runtime: Runtime) -> Iterator[None]:
    """Meanwhile the projections move, the schedules fire and the demo lives."""
    worker = Worker(runtime)
    scheduler = Scheduler(runtime, worker.id)
    parts: list[Worker | Scheduler | Trickle] = [worker, scheduler]
    if runtime.settings.demo_trickle and has_demo_data(runtime):
        parts.append(Trickle(runtime))
    with ExitStack() as started:
        for part in parts:
            part.start()
            started.callback(part.stop)
        yield


def welcome(runtime: Runtime, address: str) -> None:
    """On a loopback address whoever sees the terminal is the admin; elsewhere people have links of their own."""
    if not runtime.settings.on_loopback:
        line = f"Serving {address} to the people who were set up."
    else:
        admin = runtime.people.ensure_built_in()
        token = runtime.people.link(admin.name, by="system")
        line = f"Console: {address}/sign-in?token={token}"
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
