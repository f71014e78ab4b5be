"""Event classes to JSON and back, whatever version they were stored in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from cqrs.errors import DomainFault, UnknownEventType, UnlistedEvent, UnreadableEvent
from cqrs.messages import Event, declaration_of

#: JSON as the store hands it out.
Json = str | bytes | msgspec.Raw

#: Turns the data of a stored schema version into an event.
Decode = Callable[[int, Json], Event]


@dataclass(frozen=True, slots=True)
class UpcastStep:
    """The data of an event as it looks in one schema version."""

    version: int
    data: dict[str, Any]


class EventTypes:
    """The event classes of a program by their stored names.

    Raises DomainFault with a sentence for every name used twice and every step missing between schema versions.
    """

    def __init__(self, events: Iterable[type[Event]]) -> None:
        listed = list(dict.fromkeys(events))
        faults = [*_doubles(listed), *(fault for cls in listed for fault in _broken_chain(cls))]
        if faults:
            raise DomainFault(faults)
        self._codecs = {declaration_of(cls).name: _Codec(cls) for cls in listed}
        self._classes = frozenset(listed)
        self._encode = msgspec.json.Encoder(decimal_format="string").encode

    def names(self) -> tuple[str, ...]:
        return tuple(self._codecs)

    def cls(self, name: str) -> type[Event] | None:
        """None for a stored name that no class is declared under."""
        codec = self._codecs.get(name)
        return codec.cls if codec else None

    def encode(self, event: Event) -> tuple[str, int, bytes]:
        """Stored name, schema version and JSON. Raises UnlistedEvent for a class that was not given to us."""
        declared = declaration_of(event)
        if type(event) not in self._classes:
            raise UnlistedEvent(name=type(event).__name__)
        return declared.name, declared.version, self._encode(event)

    def decode(self, type: str, schema_version: int, data: Json) -> Event:
        """Raises UnknownEventType, or UnreadableEvent when the data do not fit the class or an upcaster fails."""
        return self.decoder_for(type)(schema_version, data)

    def decoder_for(self, name: str) -> Decode:
        """`decode` for one type, without looking it up at every event. Raises UnknownEventType."""
        return self._codec(name).decode

    def upcast(self, type: str, schema_version: int, data: Json) -> list[UpcastStep]:
        """The data as stored, then after every step up to the version of today. Raises as `decode` does."""
        return self._codec(type).steps(schema_version, data)

    def _codec(self, name: str) -> _Codec:
        try:
            return self._codecs[name]
        except KeyError:
            raise UnknownEventType(type=name) from None


class _Codec:
    """Reads one event class."""

    def __init__(self, cls: type[Event]) -> None:
        self.cls = cls
        self._declared = declaration_of(cls)
        self._version = self._declared.version
        self._decoder = msgspec.json.Decoder(cls)

    def decode(self, schema_version: int, data: Json) -> Event:
        try:
            if schema_version == self._version:
                return self._decoder.decode(data)
            newest = self._stored(schema_version, data)
            for version in range(schema_version, self._version):
                newest = self._step(version, newest)
            return msgspec.convert(newest, self.cls, str_keys=True)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._unreadable(schema_version, str(error)) from error

    def steps(self, schema_version: int, data: Json) -> list[UpcastStep]:
        steps = [UpcastStep(schema_version, self._stored(schema_version, data))]
        for version in range(schema_version, self._version):
            steps.append(UpcastStep(version + 1, self._step(version, copy.deepcopy(steps[-1].data))))
        return steps

    def _stored(self, schema_version: int, data: Json) -> dict[str, Any]:
        if not 1 <= schema_version <= self._version:
            raise self._unreadable(schema_version, f"this program knows the versions 1 to {self._version}")
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._unreadable(schema_version, str(error)) from error

    def _step(self, version: int, data: dict[str, Any]) -> dict[str, Any]:
        try:
            result = self._declared.upcasters[version](data)
        except Exception as error:  # whatever a domain's function raises, the event is what cannot be read
            why = f"its upcaster from version {version} failed with {type(error).__name__}: {error}"
            raise self._unreadable(version, why) from error
        if not isinstance(result, dict):
            raise self._unreadable(version, f"its upcaster from version {version} returned no dict")
        return result

    def _unreadable(self, schema_version: int, why: str) -> UnreadableEvent:
        return UnreadableEvent(type=self._declared.name, schema_version=schema_version, why=why.rstrip("."))


def _doubles(listed: list[type[Event]]) -> Iterable[str]:
    seen: dict[str, type[Event]] = {}
    for cls in listed:
        name = declaration_of(cls).name
        first = seen.setdefault(name, cls)
        if first is not cls:
            yield f"Two event classes are stored as {name}: {first.__qualname__} and {cls.__qualname__}. Rename one."


def _broken_chain(cls: type[Event]) -> Iterable[str]:
    declared = declaration_of(cls)
    wanted = range(1, declared.version)
    for version in sorted(set(wanted) - set(declared.upcasters)):
        yield f"{declared.name} lacks the upcaster from version {version} to {version + 1}. Add it to @event."
    for version in sorted(set(declared.upcasters) - set(wanted)):
        yield f"{declared.name} is of version {declared.version}, so its upcaster from version {version} leads nowhere."
