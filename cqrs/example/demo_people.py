"""Invented customers of the demo shop. Their addresses end in domains that RFC 2606 keeps free for examples."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = words(
    "Ada Agnes Aisha Alan Amara Anders Anika Antonio Barbara Beatriz Carlos Chen Clara Dana David Edsger Elena Emil "
    "Erik Fatima Finn Frances Gabriel Grace Hana Hedy Hugo Ines Ingrid Ivan Jean Jonas José Juliana Karim Katherine "
    "Kenji Lars Leila Linus Luca Mai Malik Margaret Maria Mateo Mei Mira Nadia Niklaus Noor Olga Omar Paula Pedro "
    "Priya Radia Rafael Rosa Samuel Sofia Søren Tariq Théo Tony Uma Viktor Wanda Yara Yusuf Zoë"
)

LAST_NAMES = words(
    "Abara Almeida Bauer Becker Bianchi Byron Castro Chandra Costa Diaz Dubois Eriksen Ferrari Fischer Fontaine "
    "Garcia Haddad Hansen Hoffmann Horvat Ibrahim Ito Jansen Jensen Johnson Kaya Keller Khan Kim Kowalski Kovač Lamarr "
    "Larsen Lefèvre Lind Lopez Lovelace Martin Mendes Meyer Moreau Müller Nakamura Novak Nowak Okafor Olsen Park Patel "
    "Petrov Reyes Ricci Rossi Santos Sato Schmidt Silva Singh Suzuki Tanaka Torres Varga Virtanen Weber Yilmaz Zhang"
)

#: With repetitions: a shop sells more at home.
CITIES = words(
    "Berlin Berlin Berlin Hamburg Hamburg München Köln Leipzig Wien Zürich Amsterdam Amsterdam Antwerpen Paris Paris "
    "Lyon London London Leeds Dublin København Oslo Stockholm Helsinki Gdańsk Kraków Praha Milano Torino Madrid "
    "Valencia Porto Lisboa Athina"
)

MAIL_DOMAINS = ("example.com", "example.net", "example.org")


def people(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Name and e-mail address of one new customer after the other; no address comes twice."""
    seen: set[str] = set()
    while True:
        name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        email = address(name, rng)
        if email not in seen:
            seen.add(email)
            yield name, email


def address(name: str, rng: random.Random) -> str:
    """`Zoë Kovač` -> `zoe.kovac@example.net`; now and then with a number, as people do."""
    letters = unicodedata.normalize("NFKD", name.lower().replace("ø", "o")).encode("ascii", "ignore").decode()
    number = str(rng.randint(50, 99)) if rng.random() < 0.15 else ""
    return f"{letters.replace(' ', '.')}{number}@{rng.choice(MAIL_DOMAINS)}"
