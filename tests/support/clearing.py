"""Empty a database between the examples of a property test."""

from __future__ import annotations

from psycopg import sql

from core.storage.database import Database

KEPT = ("schema_migrations", "settings_store", "event_types", "outcomes", "error_codes")


def clear(database: Database) -> None:
    """Remove all data; the schema and the fixed look-ups stay."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL(%s)",
            [list(KEPT)],
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in tables)
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
