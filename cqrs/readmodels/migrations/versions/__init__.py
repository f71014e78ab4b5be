"""Revisions of the read database's own tables, oldest first. Generation tables are not migrated: they are replayed."""
