"""The settings as people may read them. What is not listed here is not shown: a new setting may be a secret."""

from __future__ import annotations

from dataclasses import dataclass

from cqrs.settings import Settings

#: In the order in which they are shown. The databases are told by their own names, which hold no password.
SHOWN = (
    "domains", "environment", "read_only", "host", "port", "public_url", "trusted_hosts", "trusted_proxies",
    "auth_header", "demo", "demo_trickle", "log_format", "instance",
)  # fmt: skip
#: Whether they are set is all that is told.
WITHHELD = ("secret_key", "alert_webhook_url")
UNSET = "not set"


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """The name as the environment spells it, the value in words; no source where the default holds."""

    name: str
    value: str
    source: str | None


def shown_settings(settings: Settings) -> list[ShownSetting]:
    shown = {_name(each): _words(getattr(settings, each)) for each in SHOWN}
    withheld = {_name(each): "set, never shown" if getattr(settings, each) else UNSET for each in WITHHELD}
    sources = {"SECRET_KEY": "instance/secret_key", **settings.sources}
    return [ShownSetting(name, value, sources.get(name)) for name, value in {**shown, **withheld}.items()]


def _name(field: str) -> str:
    return "CQRS_DOMAINS" if field == "domains" else field.upper()


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or UNSET
    text = "" if value is None else str(value)
    return _without_user(text) or UNSET


def _without_user(text: str) -> str:
    """An address may carry a name and a password before its host."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
