"""Characters that nobody can see, written so that they are seen: no text may hide its end or turn its line around.

Nor run out of the page: marks that are put on a letter cannot be torn from it, so a letter with hundreds of them is one
word that no line can hold, and no style sheet can break. What is more than any script puts on a letter is written out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

#: Controls but tab and line ends, marks of direction, what has no width, halves of pairs, and what is no character.
#: Joiners stay: emoji and several scripts are written with them.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
#: Marks on one letter that are shown as marks; and what there has to be for more of them.
MOST_MARKS = 8
PERHAPS_MARKS = re.compile(r"[^\x00-\u02ff]{9}")


def visible(value: Any) -> Any:
    """For every `{{ value }}` of every template. What a form has to send back as it came is written `{{ value|e }}`."""
    if type(value) is not str or (value.isascii() and value.isprintable()):
        return value
    shown = HIDDEN.sub(_escaped, value)
    return _with_few_marks(shown) if PERHAPS_MARKS.search(shown) else shown


def _with_few_marks(text: str) -> str:
    shown, marks = list[str](), 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        shown.append(character if marks <= MOST_MARKS else ascii(character)[1:-1])
    return "".join(shown)


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
