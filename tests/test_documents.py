"""What the manual shows runs as it is written, and what it lists is what there is."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from app import create_app
from cqrs.console.navigation import SECTIONS
from cqrs.settings import setting_names
from cqrs.testing import temporary_runtime
from tests.console_process import ROOT
from tests.e2e.screenshots import IMAGES, PAGES

MANUAL = [ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")] + sorted((ROOT / "docs").glob("*.md"))
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def pieces(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE)


def module_of(text: str, folder: Path) -> ModuleType:
    """From a file, as people have it: handlers are told apart by their source."""
    (folder / "shop.py").write_text(text)
    spec = importlib.util.spec_from_file_location("shop", folder / "shop.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["shop"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    sys.modules.pop("shop", None)


def test_the_first_domain_runs_as_it_is_written(tmp_path: Path) -> None:
    (text,) = pieces(ROOT / "README.md")
    shop = module_of(text, tmp_path)
    with temporary_runtime(tmp_path, shop.domain) as runtime:
        runtime.mediator.send(shop.PlaceOrder(customer="Ada", amount=Decimal("12.50")))
        runtime.mediator.send(shop.PlaceOrder(customer="Ada", amount=Decimal("1.00")))
        runtime.projections.catch_up()
        (row,) = runtime.read_models.page("customers").rows
    assert row.values == {"customer": "Ada", "spent": Decimal("13.50")}


def test_all_pieces_of_a_domain_run_as_they_are_written(tmp_path: Path) -> None:
    shop = module_of("\n\n".join([*pieces(ROOT / "README.md"), *pieces(ROOT / "docs" / "domains.md")]), tmp_path)
    with temporary_runtime(tmp_path, shop.domain) as runtime:
        send = runtime.mediator.send
        send(shop.OpenAccount(customer="Ada", city="Ulm", pin="1234"))
        order = send(shop.PlaceOrder(customer="Ada", amount=Decimal("12.50"))).result["order_id"]
        assert [row.key for row in runtime.read_models.page("open_orders").rows] == [order]
        send(shop.ShipOrder(order_id=order, carrier="post"))
        runtime.projections.catch_up()
        counts = {name: len(runtime.read_models.page(name).rows) for name in runtime.projections.names()}
        assert counts == {
            "customers": 1, "deliveries": 1, "open_orders": 0, "carriers": 1, "days": 1, "account_holders": 1,
        }  # fmt: skip
        assert runtime.mediator.ask(shop.SpentBy(customer="Ada")).value["spent"] == Decimal("12.50")
    for name, check in vars(shop).items():
        if name.startswith("test_"):
            check()


def test_the_settings_are_those_that_there_are() -> None:
    section = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == setting_names()


def test_every_section_of_the_console_has_a_picture(tmp_path: Path) -> None:
    rules = create_app({"INSTANCE": str(tmp_path)}).url_map
    indexes = {rule.rule for group in SECTIONS for _, name in group for rule in rules.iter_rules(f"{name}.index")}
    assert {path.rstrip("/") for path in indexes} <= {path.rstrip("/") for path in PAGES.values()}


def test_every_section_of_the_console_is_in_the_manual() -> None:
    section = (ROOT / "README.md").read_text().partition("## See it")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| ([A-Z][\w ]+) \|", section, re.MULTILINE)
    assert listed == [label for group in SECTIONS for label, _ in group]


def test_every_package_is_in_the_manual() -> None:
    section = (ROOT / "README.md").read_text().partition("## Find your way")[2].partition("\n## ")[0]
    packages = {path.parent.name for path in (ROOT / "cqrs").glob("*/__init__.py")}
    assert set(re.findall(r"`cqrs/(\w+)/`", section)) == packages


def test_pictures_of_the_manual_are_made_like_all_others() -> None:
    shown = re.findall(r"\(docs/images/([\w.-]+)\)", (ROOT / "README.md").read_text())
    assert {name.partition(".")[0] for name in shown} <= set(PAGES)
    assert all((IMAGES / name).exists() for name in shown)


@pytest.mark.parametrize("path", MANUAL, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)):
        if not link.startswith(("https://", "http://")):
            name, _, heading = link.partition("#")
            target = path.parent / name if name else path
            assert target.exists(), link
            assert not heading or heading in anchors(target), link


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in HEADING.findall(path.read_text())}
