"""`relay-analytics annotations …`: what happened, on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core import annotations as noted
from core.audit import operator
from core.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Annotations of charts: list, remove. `annotate` adds one.")


@app.command("list")
def list_annotations(
    days: Annotated[int, typer.Option(min=1, help="Those of the last so many days, and of what is to come.")] = 30,
    demo: Demo = None,
) -> None:
    """List what happened, in order of time."""
    now, zone = datetime.now(UTC), get_settings().zone
    with opened(demo) as database:
        table = Table("Number", f"At ({zone.key})", "Until", "Kind", "Text", "By")
        for one in noted.listing(database, now - timedelta(days=days), now + timedelta(days=3650)):
            until = f"{one.until.astimezone(zone):%Y-%m-%d %H:%M:%S}" if one.until else ""
            table.add_row(
                str(one.annotation_id), f"{one.at.astimezone(zone):%Y-%m-%d %H:%M:%S}", until, one.kind, one.text,
                one.author,
            )  # fmt: skip
        Console().print(table)


@app.command()
def remove(
    annotation_id: Annotated[int, typer.Argument(help="Its number from `annotations list`.")], demo: Demo = None
) -> None:
    """Remove an annotation; one that was found by itself is not found again."""
    with opened(demo) as database:
        noted.remove(database, operator(), annotation_id, datetime.now(UTC))
        typer.echo(f"Annotation {annotation_id} is removed.")
