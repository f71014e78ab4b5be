"""Characters that nobody can see, written so that they are seen: no text may hide its end or turn its line around."""

from __future__ import annotations

import re
from typing import Any

#: Controls but tab and line ends, marks of direction, what has no width, halves of pairs, and what is no character.
#: Joiners stay: emoji and several scripts are written with them.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def visible(value: Any) -> Any:
    """For every `{{ value }}` of every template. What a form has to send back as it came is written `{{ value|e }}`."""
    if type(value) is not str or (value.isascii() and value.isprintable()):
        return value
    return HIDDEN.sub(_escaped, value)


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
