"""A real Chromium in front of the real program with its demo data, started once for all tests here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.console_process import ConsoleProcess, shell

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: Seconds between two reads of a page by a test that waits for something: a quick machine would ask so often that the
#: console refuses, and it would refuse the tests after it, too.
UNHURRIED = 0.1

# Whatever a page is expected to show may take its time on a busy machine; the default is 5 seconds.
expect.set_options(timeout=30_000)

#: Reports violations of the content security policy, which a page cannot see on its own console in all versions.
WATCH = "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"


def chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True, slots=True)
class Served:
    """Where the console is, and the settings its command line needs to reach the same data."""

    address: str
    instance: Path
    link: str

    def fresh_link(self, name: str, role: str) -> str:
        """A link that signs in a person of this role."""
        added = shell(self.instance, "people", "add", name, "--role", role, DEMO="0")
        assert added.returncode == 0, added.stderr
        token = added.stdout.split("token=")[1].split()[0]
        return f"{self.address}/sign-in?token={token}"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if chromium() is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    instance = tmp_path_factory.mktemp("console")
    process = ConsoleProcess(instance, DEMO="1", DEMO_TRICKLE="0")
    link = process.link()
    parts = urlsplit(link)
    yield Served(f"{parts.scheme}://{parts.netloc}", instance, link)
    assert process.stop() == 0


@pytest.fixture(scope="session")
def browser(served: Served) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cookies(browser: Browser, served: Served) -> list[object]:
    """Those of the admin: the printed link works once, so it is opened once."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(served.link)
    assert page.url == f"{served.address}/"
    found: list[object] = list(context.cookies())
    context.close()
    return found


def open_page(context: BrowserContext, complaints: list[str]) -> Page:
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


@pytest.fixture
def complaints() -> list[str]:
    """What the browser had to say against the pages of this test."""
    return []


@pytest.fixture
def page(browser: Browser, served: Served, cookies: list[object], complaints: list[str]) -> Iterator[Page]:
    """Signed in as the admin. The test fails on any error of the console, and on any violation of the policy."""
    context = browser.new_context(base_url=served.address)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    yield open_page(context, complaints)
    context.close()
    assert complaints == []
