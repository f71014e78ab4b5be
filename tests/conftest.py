"""Fixtures that every test package may use."""

from __future__ import annotations

pytest_plugins = ["tests.postgres"]
