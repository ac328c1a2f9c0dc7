"""`relay-analytics channel …`: where reports and alerts are delivered to."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.database import Demo, opened
from core.audit import operator
from core.delivery import registry
from core.delivery.channels import Channel, Kind
from core.exceptions import BadParameterError
from core.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="Channels that reports and alerts are delivered to.")
Name = Annotated[str, typer.Argument(help="Name of the channel.")]


@app.command()
def add(
    name: Name,
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    address: Annotated[
        str,
        typer.Argument(help="Mail addresses (comma separated), a URL, a directory below DELIVERY_DIR, or an npub."),
    ],
    demo: Demo = None,
) -> None:
    """Add a channel. The secret that a webhook's calls are signed with is printed once."""
    with opened(demo) as database:
        channel = registry.add(database, operator(), name, kind, address, datetime.now(UTC))
        _say(channel, with_secret=True)


@app.command()
def change(
    name: Name,
    address: Annotated[str | None, typer.Option(help="Where it delivers from now on.")] = None,
    new_secret: Annotated[bool, typer.Option("--new-secret", help="Sign a webhook's calls with a new secret.")] = False,
    demo: Demo = None,
) -> None:
    """Give a channel another address, or a new secret, which is printed once; what is left out stays."""
    with opened(demo) as database:
        changed = registry.change(
            database, operator(), name, datetime.now(UTC), address=address, renew_secret=new_secret
        )
        _say(changed, with_secret=new_secret)


@app.command("list")
def list_channels(demo: Demo = None) -> None:
    """List the channels."""
    with opened(demo) as database:
        table = Table("Channel", "Kind", "Delivers to", "Added", "By")
        for channel in registry.listing(database):
            table.add_row(
                channel.name, channel.kind, channel.shown, f"{channel.created_at:%Y-%m-%d}", channel.created_by
            )
        Console().print(table)


@app.command()
def remove(name: Name, demo: Demo = None) -> None:
    """Remove a channel that nothing is delivered through."""
    with opened(demo) as database:
        registry.remove(database, operator(), name, datetime.now(UTC))
        typer.echo(f"Channel {name} is removed.")


@app.command("test")
def send_test(name: Name, demo: Demo = None) -> None:
    """Send a test message through a channel, and say what became of it."""
    with opened(demo) as database:
        receipt = registry.send_test(database, operator(), name, datetime.now(UTC), get_settings())
        typer.echo(f"Delivered: {receipt.detail}.")


def _say(channel: Channel, *, with_secret: bool) -> None:
    typer.echo(f"Channel {channel.name} ({channel.kind}) delivers to {channel.shown}.", err=True)
    if with_secret and channel.secret is not None:
        typer.echo("Its signing secret; it is not shown again:", err=True)
        typer.echo(channel.secret.get_secret_value())


@app.command()
def key(file: Annotated[Path, typer.Argument(help="File to write, for NOSTR_KEY_FILE.")]) -> None:
    """Make the secret key that Nostr messages are sent with, and print its public key."""
    from nostr_sdk import Keys

    keys = Keys.generate()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadParameterError(f"{file} cannot be made: {error.strerror}.") from error
    with os.fdopen(descriptor, "w") as opened_file:
        opened_file.write(f"{keys.secret_key().to_bech32()}\n")
    typer.echo(f"Recipients know the sender as {keys.public_key().to_bech32()}")
