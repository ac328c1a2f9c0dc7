"""`relay-analytics demo …`: the demo data."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.database import server_left_as_it_was
from core.settings import get_settings
from core.storage.database import drop_demo

app = typer.Typer(no_args_is_help=True, help="The demo data of `make dev`.")


@app.command()
def remove(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove all demo data: drops the demo database. Real data lives in another one and is not touched."""
    if not yes:
        typer.confirm("Drop the demo database with its users and tokens?", default=True, abort=True)
    settings = get_settings()
    with server_left_as_it_was(settings):
        removed = drop_demo(settings)
    typer.echo("The demo data is gone." if removed else "There is no demo data.")


@app.callback()
def group() -> None:
    """Keeps `remove` a subcommand: a group of one command would otherwise run it at once."""
