"""What the log's tables need on PostgreSQL beyond columns and indexes: triggers. Executed by the first migration.

Each constant is one statement, so that any driver can execute it.
"""

from __future__ import annotations

from cqrs.store.ordering import LOCK_SPACE

# TG_RELID keeps the lock right whatever the search path of a foreign writer is.
_TAKE_ORDER_LOCK = f"""
CREATE FUNCTION events_take_order_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({LOCK_SPACE}, (TG_RELID::bigint & 2147483647)::integer);
    RETURN NULL;
END $$"""

_REFUSE_CHANGE = """
CREATE FUNCTION events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
        MESSAGE = 'events are immutable: ' || TG_OP || ' of the table events is refused';
END $$"""

#: A statement trigger runs before the statement's first nextval: every writer, also psql and COPY, takes part in the
#: gap proof. Costs nothing measurable beside the insert.
TRIGGERS = (
    _TAKE_ORDER_LOCK,
    """CREATE TRIGGER events_take_order_lock BEFORE INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_take_order_lock()""",
    _REFUSE_CHANGE,
    """CREATE TRIGGER events_refuse_change BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION events_refuse_change()""",
    """CREATE TRIGGER events_refuse_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_refuse_change()""",
)

#: The tracker's own tables: how far the order is proven, and which positions died with a rollback.
ORDER_TABLES = (
    """CREATE TABLE order_progress (
    id smallint PRIMARY KEY CHECK (id = 1), safe_head bigint NOT NULL, dead bigint NOT NULL,
    proven_at timestamptz NOT NULL)""",
    """CREATE TABLE dead_positions (
    first_position bigint PRIMARY KEY, last_position bigint NOT NULL, proven_at timestamptz NOT NULL)""",
)
