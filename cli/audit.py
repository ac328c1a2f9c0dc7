"""`relay-analytics audit`: who exported and administered what."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core import audit as log


def audit(
    actor: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only actions that begin so, such as `export.`.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many entries.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line instead of a table.")] = False,
    demo: Demo = None,
) -> None:
    """Show the audit log, newest first."""
    with opened(demo) as database:
        found = log.entries(database, actor=actor, action=action, limit=limit)
    if as_json:
        for entry in found:
            typer.echo(json.dumps({**vars(entry), "at": entry.at.isoformat()}, ensure_ascii=False))
        return
    table = Table("At (UTC)", "Who", "How", "What", "Request", "Details")
    for entry in found:
        details = json.dumps(entry.details, ensure_ascii=False)
        table.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.actor, entry.via, entry.action, entry.request_id or "", details
        )
    Console().print(table)
