"""`relay-analytics source …`: who may hand events to the collector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.accounts import sources
from core.exceptions import UnknownSourceError

app = typer.Typer(no_args_is_help=True, help="Sources of the collector: create, list, revoke.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the source; also the relay's name where a record has none.")],
    demo: Demo = None,
) -> None:
    """Create a token for a source and print it once; only its hash is stored. Earlier tokens stay valid."""
    with opened(demo) as database:
        token = sources.issue(database, name, datetime.now(UTC))
        typer.echo(f"Token of the source {name} in {database.name}; it is not shown again:", err=True)
        typer.echo(token)


@app.command("list")
def list_sources(demo: Demo = None) -> None:
    """List the tokens by source, newest first."""
    with opened(demo) as database:
        table = Table("Source", "Id", "Created", "Last used", "State")
        for token in sources.listing(database):
            table.add_row(
                token.source,
                token.token_id,
                f"{token.created_at:%Y-%m-%d}",
                f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
                "revoked" if token.revoked_at else "valid",
            )
        Console().print(table)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The id of one token, or the name of a source for all of its tokens.")],
    demo: Demo = None,
) -> None:
    """Revoke tokens; a running collector refuses them within seconds."""
    with opened(demo) as database:
        revoked = sources.revoke(database, name, datetime.now(UTC))
        if not revoked:
            raise UnknownSourceError(f"There is no valid token of a source {name!r}, or with this id.")
        typer.echo(f"Revoked: {', '.join(revoked)}.")
