"""`relay-analytics user …`: who may sign in, and in which role."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.accounts import administration, users
from core.accounts.users import ROLES, Role
from core.audit import operator

app = typer.Typer(no_args_is_help=True, help="Users: add, list, role, password, disable, enable, remove.")

Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when not given.")
]
Client = Annotated[str | None, typer.Option(help="The client_id that a user of the role client may see.")]


@app.command()
def add(
    username: str,
    password: Password,
    role: Annotated[Role, typer.Option(help=f"One of {', '.join(ROLES)}.")] = "analyst",
    client_id: Client = None,
    demo: Demo = None,
) -> None:
    """Create a user."""
    with opened(demo) as database:
        administration.add_user(database, operator(), username, password, datetime.now(UTC), role, client_id)
        typer.echo(f"{username} can sign in as {role}.")


@app.command("list")
def list_users(demo: Demo = None) -> None:
    """List the users."""
    with opened(demo) as database:
        table = Table("User", "Name", "Role", "Client", "State")
        for user in users.listing(database):
            table.add_row(
                user.username, user.name, user.role, user.client_id or "", "active" if user.active else "disabled"
            )
        Console().print(table)


@app.command("role")
def set_role(username: str, role: Role, client_id: Client = None, demo: Demo = None) -> None:
    """Change a user's role; it acts at the next click and the next call."""
    with opened(demo) as database:
        administration.set_role(database, operator(), username, role, client_id, datetime.now(UTC))
        typer.echo(f"The role of {username} is {role}.")


@app.command()
def password(username: str, password: Password, demo: Demo = None) -> None:
    """Set a user's password; ends all sessions of that user."""
    with opened(demo) as database:
        administration.set_password(database, operator(), username, password, datetime.now(UTC))
        typer.echo(f"The password of {username} is set; every session of {username} has ended.")


@app.command()
def disable(username: str, demo: Demo = None) -> None:
    """End a user's sessions and refuse the user's tokens, until `enable`."""
    _set_active(username, False, demo)
    typer.echo(f"{username} is disabled.")


@app.command()
def enable(username: str, demo: Demo = None) -> None:
    """Let a user sign in again."""
    _set_active(username, True, demo)
    typer.echo(f"{username} is enabled.")


@app.command()
def remove(username: str, demo: Demo = None) -> None:
    """Remove a user with the user's sessions and tokens."""
    with opened(demo) as database:
        administration.remove_user(database, operator(), username, datetime.now(UTC))
        typer.echo(f"{username} is removed.")


def _set_active(username: str, active: bool, demo: bool | None) -> None:
    with opened(demo) as database:
        administration.set_active(database, operator(), username, active, datetime.now(UTC))
