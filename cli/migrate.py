"""`relay-analytics migrate`: bring the database to this version's schema, or show where it stands."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.storage import migrate as migrations


def migrate(
    show: Annotated[bool, typer.Option("--show", help="Only list the migrations and when they were applied.")] = False,
    demo: Demo = None,
) -> None:
    """Apply the migrations that are missing. Every start does it too; any number of processes may, at once.

    Examples:

        relay-analytics migrate --show

        relay-analytics migrate
    """
    if not show:
        with opened(demo, migrated=False) as database:
            applied = migrations.migrate(database)
        typer.echo(
            f"Applied: {', '.join(f'{one.version:04} {one.name}' for one in applied)}." if applied else "Up to date."
        )
        return
    with opened(demo, migrated=False) as database:
        table = Table("Migration", "What", "Applied (UTC)")
        for one in migrations.status(database):
            table.add_row(
                f"{one.version:04}", one.name, f"{one.applied_at:%Y-%m-%d %H:%M:%S}" if one.applied_at else "to come"
            )
    Console().print(table)
