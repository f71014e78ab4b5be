"""Alembic's environment for the read database."""
