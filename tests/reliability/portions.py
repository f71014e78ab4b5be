"""How often processes are killed, in portions: each is a test with a log of its own. In a single log, which every kill
leaves longer, each kill would take longer than the one before.
"""

from __future__ import annotations

import os

import pytest

KILLS = int(os.environ.get("KILLS", "8"))
LARGEST = 100


def kills_in_portions() -> list[tuple[int, str]]:
    """(number of kills, name of the portion)"""
    firsts = range(0, KILLS, LARGEST)
    return [(min(LARGEST, KILLS - first), f"from {first + 1}") for first in firsts]


#: The test takes `kills`.
in_portions = pytest.mark.parametrize("kills", [pytest.param(kills, id=name) for kills, name in kills_in_portions()])
