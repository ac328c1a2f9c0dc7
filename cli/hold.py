"""`relay-analytics hold …`: clients whose raw rows have to stay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.audit import operator
from core.retention import holds

app = typer.Typer(no_args_is_help=True, help="Legal hold: raw rows of a client stay, however old.")
Client = Annotated[str, typer.Argument(help="client_id of the client.")]


@app.command()
def place(
    client: Client,
    why: Annotated[str, typer.Option(help="Why; it is kept on record.")],
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The UTC day on which it ends by itself.")
    ] = None,
    demo: Demo = None,
) -> None:
    """Hold the raw rows of a client that are there."""
    with opened(demo) as database:
        ends = until.replace(tzinfo=UTC) if until else None
        holds.place(database, operator(), client, why, datetime.now(UTC), ends)
        typer.echo(f"Raw rows of {client} are held{f' until {ends:%Y-%m-%d}' if ends else ''}.")


@app.command()
def release(client: Client, demo: Demo = None) -> None:
    """End a hold; rows that were there only because of it go with the next retention."""
    with opened(demo) as database:
        holds.release(database, operator(), client, datetime.now(UTC))
        typer.echo(f"{client} is no longer held.")


@app.command("list")
def list_holds(demo: Demo = None) -> None:
    """List the holds."""
    with opened(demo) as database:
        table = Table("Client", "Why", "Until", "Since", "By", "Old rows kept")
        for hold in holds.listing(database):
            table.add_row(
                hold.client_id, hold.why, f"{hold.until:%Y-%m-%d}" if hold.until else "released",
                f"{hold.placed_at:%Y-%m-%d}", hold.placed_by, f"{hold.rows:,}",
            )  # fmt: skip
        Console().print(table)
