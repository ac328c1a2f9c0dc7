"""`relay-analytics user …`: who may sign in."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.database import Demo, opened
from core.accounts import users

app = typer.Typer(no_args_is_help=True, help="Users: set a password.")

Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when not given.")
]


@app.command()
def password(username: str, password: Password, demo: Demo = None) -> None:
    """Set a user's password; ends all sessions of that user."""
    with opened(demo) as database:
        users.set_password(database, username, password)
        typer.echo(f"The password of {username} is set; every session of {username} has ended.")


@app.callback()
def group() -> None:
    """Keeps `password` a subcommand: a group of one command would otherwise run it at once."""
