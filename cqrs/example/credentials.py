"""Who may sign in with which e-mail address: a table the write side owns, changed in the same transaction as the log.

An event stream cannot promise that an e-mail address is used only once; a unique column can. The password lives here
and nowhere else, as an argon2 hash.
"""

from __future__ import annotations

import argon2
import sqlalchemy as sa

credentials = sa.Table(
    "credentials",
    sa.MetaData(),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
)

#: What a second user of one address is told, by column.
TAKEN = {"email": "This e-mail address is already in use. Choose another one."}


def normal_email(email: str) -> str:
    """The form in which addresses are kept and compared: ` Ada@Example.ORG ` and `ada@example.org` are one user."""
    return email.strip().casefold()


def hash_password(password: str) -> str:
    """Take about 100 ms, on purpose: guessing must be slow. The library's defaults follow RFC 9106."""
    return argon2.PasswordHasher().hash(password)


def grant(user_id: str, email: str, password_hash: str) -> sa.Insert:
    return sa.insert(credentials).values(user_id=user_id, email=email, password_hash=password_hash)


def revoke(user_id: str) -> sa.Delete:
    """Free the address: another user may take it from now on."""
    return sa.delete(credentials).where(credentials.c.user_id == user_id)
