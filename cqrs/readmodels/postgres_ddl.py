"""What the triggers of generation tables and views call on PostgreSQL. Executed by the first migration of the chain."""

from __future__ import annotations

# Runs with the rights of its owner and a fixed search path: whoever may write a generation table need know nothing of
# `foreign_writes`; the write is noticed, not refused. Arguments: projection, generation, then the key columns.
_NOTE = """
CREATE FUNCTION note_foreign_write() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.foreign_writes (projection, generation, key, kind, noticed_at)
        SELECT $1, $2::integer, key, $3, clock_timestamp() FROM (
            SELECT DISTINCT (SELECT CASE WHEN count(*) = 1 THEN min(image ->> name)
                    ELSE ''['' || string_agg((image -> name)::text, '','' ORDER BY n) || '']'' END
                FROM unnest($4) WITH ORDINALITY AS columns(name, n)) AS key
            FROM unnest($5) AS image WHERE image IS NOT NULL) AS keys', TG_TABLE_SCHEMA)
    USING TG_ARGV[0], TG_ARGV[1], lower(TG_OP), TG_ARGV[2:], ARRAY[
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
        CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END];
    RETURN NULL;
END $$"""

_REFUSE = """
CREATE FUNCTION refuse_view_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
        MESSAGE = 'the read model ' || TG_TABLE_NAME || ' is made from events: ' || TG_OP || ' is refused';
END $$"""

FUNCTIONS = (_NOTE, _REFUSE)

#: A simple view is writable by itself here; this keeps its plans as they are.
REFUSE_WRITES = """CREATE TRIGGER refuse_view_write INSTEAD OF INSERT OR UPDATE OR DELETE ON {view}
    FOR EACH ROW EXECUTE FUNCTION refuse_view_write()"""
