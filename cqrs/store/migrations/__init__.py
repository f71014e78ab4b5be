"""Alembic's environment for the main database."""
