"""Documents are stored as the JSON they are, and nothing that is none."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import InexactValue
from cqrs.readmodels.codec import RowCodec
from cqrs.readmodels.rows import RowModel

ENGINE = sa.create_engine("sqlite://")

notes = RowModel(
    sa.Table("notes", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True), sa.Column("body", sa.JSON, default=[]))
)


def note(body: Any) -> Any:
    row = notes.new_row("n1")
    row.body = body
    return row


@pytest.mark.parametrize("body", [float("nan"), {"a": [float("inf")]}, {1, 2}, b"bytes"])
def test_what_json_cannot_say_is_refused(body: Any) -> None:
    with pytest.raises(InexactValue, match="body"):
        RowCodec(notes, ENGINE.dialect).pack(["n1"], [note(body)])


def test_no_document_is_null_not_the_json_word() -> None:
    assert RowCodec(notes, ENGINE.dialect).pack(["n1"], [note(None)]) == [("n1", None, 0)]


def test_rows_do_not_share_a_default() -> None:
    first, second = notes.new_row("n1"), notes.new_row("n2")
    first.body.append("x")
    assert second.body == []


def test_a_column_that_is_not_there_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        notes.new_row("n1").bodi = "x"
