"""A verdict of the overview: a sentence about one finding, what that means, and where one looks next."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a sentence; the piece that matters is strong."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Where one looks next, named by what it opens."""

    text: str
    endpoint: str
    values: dict[str, str] = field(default_factory=dict)
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One finding. `state` picks the glyph; `subject` is a name, set in mono before the fact."""

    state: str
    fact: tuple[Span, ...]
    subject: str | None = None
    consequence: str = ""
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The headline, the findings listed, and how many more there are."""

    headline: str
    verdicts: tuple[Verdict, ...]
    more: int = 0
