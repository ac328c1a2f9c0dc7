"""Stored channels: added, listed and removed, each time with an entry in the audit log."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

import psycopg
from pydantic import SecretStr

from core.audit import Actor, recorded
from core.delivery.addresses import address_of
from core.delivery.channels import KINDS, Channel, Kind, Receipt, deliver
from core.delivery.message import Message
from core.delivery.webhook import new_secret
from core.exceptions import BadParameterError, ChannelInUseError, UnknownChannelError
from core.settings import Settings
from core.storage.database import Database

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_COLUMNS = "channel_id, name, kind, address, secret, created_at, created_by"


def add(database: Database, actor: Actor, name: str, kind: Kind, address: str, now: datetime) -> Channel:
    """Store a channel. That of a webhook has a new secret, which is shown to nobody after this.

    Raises BadParameterError when the name is taken or a value cannot be used.
    """
    if not NAME.fullmatch(name):
        raise BadParameterError("The name of a channel has 1 to 63 small letters, digits, `.`, `_` and `-`.")
    if kind not in KINDS:
        raise BadParameterError(f"A channel is one of {', '.join(KINDS)}, not {kind!r}.")
    secret = SecretStr(new_secret()) if kind == "webhook" else None
    made = Channel(0, name, kind, address_of(kind, address), secret, now, actor.name)
    with recorded(database, actor, "channel.add", now, channel=name, kind=kind, address=made.shown):
        return _insert(database, made)


def _insert(database: Database, made: Channel) -> Channel:
    secret = made.secret.get_secret_value() if made.secret else None
    with database.borrow() as connection:
        row = connection.execute(
            "INSERT INTO delivery_channels (name, kind, address, secret, created_at, created_by)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO NOTHING RETURNING channel_id",
            [made.name, made.kind, made.address, secret, made.created_at, made.created_by],
        ).fetchone()
    if row is None:
        raise BadParameterError(f"There is a channel named {made.name} already.")
    return replace(made, channel_id=row[0])


def listing(database: Database) -> list[Channel]:
    """All channels by name."""
    with database.borrow() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM delivery_channels ORDER BY name").fetchall()  # noqa: S608
    return [_channel(*row) for row in rows]


def named(database: Database, name: str) -> Channel:
    """Raises UnknownChannelError."""
    with database.borrow() as connection:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM delivery_channels WHERE name = %s",  # noqa: S608
            [name],
        ).fetchone()
    if row is None:
        raise UnknownChannelError(f"There is no channel named {name!r}.")
    return _channel(*row)


def get(database: Database, channel_id: int) -> Channel:
    """Raises UnknownChannelError."""
    with database.borrow() as connection:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM delivery_channels WHERE channel_id = %s",  # noqa: S608
            [channel_id],
        ).fetchone()
    if row is None:
        raise UnknownChannelError
    return _channel(*row)


def remove(database: Database, actor: Actor, name: str, now: datetime) -> None:
    """Raises UnknownChannelError, and ChannelInUseError while something is delivered through it."""
    with recorded(database, actor, "channel.remove", now, channel=name):
        try:
            with database.borrow() as connection:
                removed = connection.execute("DELETE FROM delivery_channels WHERE name = %s", [name]).rowcount
        except psycopg.errors.ForeignKeyViolation as error:
            raise ChannelInUseError(f"Something is delivered through the channel {name}; remove that first.") from error
        if removed == 0:
            raise UnknownChannelError(f"There is no channel named {name!r}.")


def send_test(database: Database, actor: Actor, name: str, now: datetime, settings: Settings) -> Receipt:
    """Send a message that says what it is. Raises UnknownChannelError, DeliveryFailed."""
    channel = named(database, name)
    with recorded(database, actor, "channel.test", now, channel=name):
        text = f"This is a test of the channel {name}, sent by {actor.name}. Nothing is to be done."
        message = Message("Test of Relay Analytics", text, now, kind="test", data={"channel": name})
        return deliver(channel, message, key=f"test-{name.replace('.', '_')}-{now:%Y%m%dT%H%M%S%f}", settings=settings)


def _channel(
    channel_id: int, name: str, kind: Kind, address: str, secret: str | None, created_at: datetime, created_by: str
) -> Channel:
    return Channel(channel_id, name, kind, address, SecretStr(secret) if secret else None, created_at, created_by)
