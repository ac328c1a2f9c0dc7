"""The tables of procrastinate, which keep the queue: made, and brought up to the installed version.

The library brings its schema and the steps between its versions as SQL files. The steps that a database has taken are
in `settings_store`, as ours are in `schema_migrations`. Its tables lie beside ours (`procrastinate_…`), so that a job
can be queued in the transaction that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg.types.json import Jsonb

from core.exceptions import MigrationError

STEPS = "job_queue_steps"


def steps() -> dict[str, str]:
    """The library's steps by name, in the order in which they are taken."""
    return {path.stem: path.read_text() for path in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))}


def install(connection: psycopg.Connection[Any]) -> None:
    """Make the tables, or take the steps that are missing, in a transaction. Safe to repeat.

    Raises MigrationError when a newer version of the library made them.
    """
    known = steps()
    with connection.transaction():
        row = connection.execute("SELECT value FROM settings_store WHERE name = %s", [STEPS]).fetchone()
        if row is None:
            connection.execute(SchemaManager.get_schema().encode())
        else:
            unknown = sorted(set(row[0]) - set(known))
            if unknown:
                raise MigrationError(f"The job queue was made by a newer version of procrastinate ({unknown[-1]}).")
            for name in sorted(set(known) - set(row[0])):
                connection.execute(known[name].encode())
        connection.execute(
            "INSERT INTO settings_store VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [STEPS, Jsonb(sorted(known))],
        )
