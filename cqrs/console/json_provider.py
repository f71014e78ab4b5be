"""What `flask.jsonify` and `request.json` use, so that a domain's own routes write money and times as the API does."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from flask.json.provider import JSONProvider

from cqrs.console import json_answer


class MessageJson(JSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return json_answer.encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Numbers with a point are Decimal, exactly as written."""
        return json.loads(s, parse_float=Decimal)
