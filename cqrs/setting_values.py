"""Raw settings, text from the environment or typed from a file, read one kind at a time."""

from __future__ import annotations

from collections.abc import Mapping

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


class SettingValues:
    """A value that does not fit adds a sentence to `faults`; the default stands in, so that reading goes on."""

    def __init__(self, raw: Mapping[str, object], faults: list[str]) -> None:
        self._raw = raw
        self._faults = faults

    def fault(self, sentence: str) -> None:
        self._faults.append(sentence)

    def text(self, name: str, default: str) -> str:
        value = self._raw.get(name)
        if value is None:
            return default
        if not isinstance(value, str | int) or isinstance(value, bool):
            self.fault(f"{name} must be a text.")
            return default
        text = str(value).strip()
        if any(ord(character) < 32 for character in text):
            self.fault(f"{name} must not hold line breaks or control characters.")
            return default
        return text or default

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        text = self.text(name, str(default))
        if text.isascii() and text.isdigit() and lowest <= int(text) <= highest:
            return int(text)
        self.fault(f"{name}={text} must be a whole number from {lowest} to {highest}.")
        return default

    def flag(self, name: str, default: bool) -> bool:
        value = self._raw.get(name)
        if isinstance(value, bool):
            return value
        text = self.text(name, "1" if default else "0").lower()
        if text not in TRUE | FALSE:
            self.fault(f"{name}={text} must be 1 or 0.")
        return text in TRUE

    def list(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Items separated by commas, or a list in the file."""
        value = self._raw.get(name)
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            items = tuple(item.strip() for item in value)
        else:
            items = tuple(item.strip() for item in self.text(name, "").split(","))
        return tuple(item for item in items if item) or default

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """The first choice is the default."""
        text = self.text(name, choices[0])
        if text not in choices:
            self.fault(f"{name}={text} must be one of: {', '.join(choices)}.")
            return choices[0]
        return text
