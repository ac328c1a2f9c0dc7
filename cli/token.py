"""`relay-analytics token …`: API tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.accounts import tokens
from core.exceptions import InvalidTokenError

app = typer.Typer(no_args_is_help=True, help="API tokens: create, list, revoke.")


@app.command()
def create(
    user: Annotated[str, typer.Option(help="The user the token acts for.")] = "admin",
    label: Annotated[str, typer.Option(help="What it is for, shown in lists.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0: never.")] = 90,
    demo: Demo = None,
) -> None:
    """Create a token and print it once; only its hash is stored."""
    with opened(demo) as database:
        token = tokens.issue(
            database, user, datetime.now(UTC), label=label, lifetime=timedelta(days=days) if days else None
        )
        typer.echo(f"Token of {user} in {database.name}; it is not shown again:", err=True)
        typer.echo(token)


@app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Only tokens of this user.")] = None, demo: Demo = None
) -> None:
    """List the tokens, newest first."""
    with opened(demo) as database:
        table = Table("Id", "User", "Label", "Created", "Expires", "Last used", "State")
        now = datetime.now(UTC)
        for token in tokens.listing(database, user):
            expired = token.expires_at is not None and token.expires_at <= now
            state = "revoked" if token.revoked_at else "expired" if expired else "valid"
            table.add_row(
                token.token_id,
                token.username,
                token.label,
                f"{token.created_at:%Y-%m-%d}",
                f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never",
                f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
                state,
            )
        Console().print(table)


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(help="The id from `token list`.")], demo: Demo = None) -> None:
    """Revoke a token from this moment on."""
    with opened(demo) as database:
        if not tokens.revoke(database, token_id, datetime.now(UTC)):
            raise InvalidTokenError(f"There is no valid token with the id {token_id}.")
        typer.echo(f"Token {token_id} is revoked.")
