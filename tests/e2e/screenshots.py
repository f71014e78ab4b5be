"""Pictures of every page with the demo data, light and dark, wide and on a phone: `make screenshots`.

They go into docs/images; those the README shows are kept in the repository.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from tests.console_process import ROOT, ConsoleProcess, shell
from tests.e2e.conftest import FLAGS, chromium

IMAGES = ROOT / "docs" / "images"

#: So that the charts have something to draw.
LIVE_SECONDS = 90.0

PAGES = {
    "overview": "/",
    "projections": "/projections",
    "projection": "/projections/user_stats",
    "read-models": "/read-models",
    "rows": "/read-models/user_stats?sort=-total_spent",
    "jump": "/jump?q=user_stats",
    "drift": "/drift",
    "check": "/drift/checks/{spoilt}",
    "events": "/events",
    "event": "/events/1",
    "event-beside": "/events?before=1000&open=990#event-990",
    "failures": "/projections/daily_sales/failures",
    "event-types": "/event-types",
    "event-type": "/event-types/UserCreated",
    "streams": "/streams",
    "commands": "/commands",
    "command": "/commands/CreateUser",
    "operations": "/operations",
    "schedules": "/schedules",
    "schedule": "/schedules/check-user_stats-full",
    "audit": "/audit",
    "system": "/system",
}


def main() -> int:
    if chromium() is None:
        sys.stderr.write("Chromium is not installed: apt-get install chromium\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        process = ConsoleProcess(Path(folder), DEMO="1")
        try:
            take_all(process.link(), Path(folder))
        finally:
            process.stop()
    return 0


def spoil(instance: Path) -> str:
    """Change some rows behind the program's back; the id of the check that found them."""
    some = "SELECT user_id FROM user_stats__g1 ORDER BY total_spent DESC LIMIT 3"
    with closing(sqlite3.connect(instance / "projectionist.db")) as database, database:
        database.execute(f"UPDATE user_stats__g1 SET order_count = order_count + 1 WHERE user_id IN ({some})")
    return str(json.loads(shell(instance, "check", "user_stats", "--json").stdout)["id"])


def take_all(link: str, instance: Path) -> None:
    parts = urlsplit(link)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(base_url=f"{parts.scheme}://{parts.netloc}")
        page.goto(link)
        threading.Event().wait(LIVE_SECONDS)
        for name, path in PAGES.items():
            if "{" not in path:
                take(page, name, path)
        take(page, "check", PAGES["check"].format(spoilt=spoil(instance)))
        browser.close()


def take(page: Page, name: str, path: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path)
            page.screenshot(path=IMAGES / f"{name}.{scheme}.{width}.png")


if __name__ == "__main__":
    sys.exit(main())
