"""`relay-analytics token …`: API tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.accounts import administration, tokens
from core.audit import operator
from core.permissions import SCOPES

app = typer.Typer(no_args_is_help=True, help="API tokens: create, list, expire, revoke.")


@app.command()
def create(
    user: Annotated[str, typer.Option(help="The user the token acts for.")] = "admin",
    label: Annotated[str, typer.Option(help="What it is for, shown in lists.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0: never.")] = 90,
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do within the user's role; repeat it: {', '.join(SCOPES)}.")
    ] = list(tokens.DEFAULT_SCOPES),  # noqa: B006 (typer reads it)
    demo: Demo = None,
) -> None:
    """Create a token and print it once; only its hash is stored."""
    with opened(demo) as database:
        token = administration.create_token(
            database, operator(), user, datetime.now(UTC), label=label, scopes=tuple(scope),
            lifetime=timedelta(days=days) if days else None,
        )  # fmt: skip
        typer.echo(f"Token of {user} in {database.name}; it is not shown again:", err=True)
        typer.echo(token)


@app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Only tokens of this user.")] = None, demo: Demo = None
) -> None:
    """List the tokens, newest first."""
    with opened(demo) as database:
        table = Table("Id", "User", "Label", "Scopes", "Created", "Expires", "Last used", "State")
        now = datetime.now(UTC)
        for token in tokens.listing(database, user):
            table.add_row(
                token.token_id,
                token.username,
                token.label,
                " ".join(token.scopes),
                f"{token.created_at:%Y-%m-%d}",
                f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never",
                f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
                token.state(now),
            )
        Console().print(table)


@app.command()
def expire(
    token_id: Annotated[str, typer.Argument(help="The id from `token list`.")],
    days: Annotated[int, typer.Option(min=0, help="Days from now; 0: never.")],
    demo: Demo = None,
) -> None:
    """Let a token expire at another time."""
    now = datetime.now(UTC)
    when = now + timedelta(days=days) if days else None
    with opened(demo) as database:
        administration.expire_token(database, operator(), token_id, when, now)
        typer.echo(f"Token {token_id} expires {f'at {when:%Y-%m-%d %H:%M} UTC' if when else 'never'}.")


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(help="The id from `token list`.")], demo: Demo = None) -> None:
    """Revoke a token from this moment on."""
    with opened(demo) as database:
        administration.revoke_token(database, operator(), token_id, datetime.now(UTC))
        typer.echo(f"Token {token_id} is revoked.")
