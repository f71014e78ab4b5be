"""JSON as programs get it: decimals as strings, times in ISO 8601 with Z, one shape for errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response

TYPE = "application/json"


def encode(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


def send(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(value) + b"\n", status, headers=dict(headers or {}), content_type=TYPE)


def error(status: int, code: str, message: str, **extras: Any) -> Response:
    """Extras stand beside "error", such as "errors" by field."""
    return send({"error": {"code": code, "message": message}, **extras}, status)
