"""Nothing hides in a text, on whatever page it is, and a form still sends back what it was given."""

from __future__ import annotations

import pytest

from cqrs.console.visible_text import visible
from tests.console.browser import Browser, Script
from tests.console.ledger import text_of


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("user_\u202egnp.exe", "user_\\u202egnp.exe"),
        ("before\0after", "before\\x00after"),
        ("half \ud800", "half \\ud800"),
        ("in\u200bvis\ufeffible", "in\\u200bvis\\ufeffible"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("👩\u200d👧 مرحبا", "👩\u200d👧 مرحبا"),
        ("Z\u0351\u036b\u0343\u036a\u0302" * 3, "Z\u0351\u036b\u0343\u036a\u0302" * 3),
        ("\u0bcc" * 10, "\u0bcc" * 8 + "\\u0bcc" * 2),
        ("ক্ষ্ম்ய", "ক্ষ্ম்ய"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_pages_do_it_everywhere(viewer: Script) -> None:
    page = viewer.get("/read-models/accounts/rows/user_%E2%80%AEgnp.exe")
    assert "There is no row of accounts with the key user_\\u202egnp.exe." in text_of(page)
    assert "\u202e" not in page.get_data(as_text=True)


def test_a_form_sends_back_what_it_was_given(viewer: Script, ana: Browser) -> None:
    assert 'value="a\u202eb"' in viewer.get("/events?stream=a%E2%80%AEb").get_data(as_text=True)
    refused = ana.post("/commands/OpenAccount", {"account_id": "a\x07b", "owner": ""})
    assert (refused.status_code, 'value="a\x07b"' in refused.get_data(as_text=True)) == (422, True)


@pytest.mark.parametrize("name", ["a%3Fb", "a%23b", "a%252Fb"])
def test_the_way_back_to_a_page_keeps_its_name(ana: Browser, name: str) -> None:
    page = ana.get(f"/read-models/accounts/rows/{name}?x=1%262")
    assert f'name="next" value="/read-models/accounts/rows/{name}?x=1%262"' in page.get_data(as_text=True)
