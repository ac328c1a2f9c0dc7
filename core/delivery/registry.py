"""Stored channels: added, changed, listed and removed, each time with an entry in the audit log."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import LiteralString

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
    with database.borrow() as connection:
        row = connection.execute(
            "INSERT INTO delivery_channels (name, kind, address, secret, created_at, created_by)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO NOTHING RETURNING channel_id",
            [made.name, made.kind, made.address, _plain(made.secret), made.created_at, made.created_by],
        ).fetchone()
    if row is None:
        raise BadParameterError(f"There is a channel named {made.name} already.")
    return replace(made, channel_id=row[0])


def change(
    database: Database,
    actor: Actor,
    name: str,
    now: datetime,
    *,
    address: str | None = None,
    renew_secret: bool = False,
) -> Channel:
    """Give a channel another address (None: it keeps its own), or a webhook a new secret. All that is delivered through
    it goes there from then on, what is tried again too.

    Raises UnknownChannelError, and BadParameterError for an address its kind cannot use or when nothing is to change.
    """
    before = named(database, name)
    if address is None and not renew_secret:
        raise BadParameterError("Give another address, or ask for a new secret.")
    if renew_secret and before.kind != "webhook":
        raise BadParameterError("Only the calls of a webhook are signed with a secret.")
    after = replace(
        before,
        address=before.address if address is None else address_of(before.kind, address),
        secret=SecretStr(new_secret()) if renew_secret else before.secret,
    )
    said = {} if address is None else {"address": after.shown}
    with recorded(database, actor, "channel.change", now, channel=name, renewed_secret=renew_secret, **said):
        with database.borrow() as connection:
            changed = connection.execute(
                "UPDATE delivery_channels SET address = %s, secret = %s WHERE channel_id = %s",
                [after.address, _plain(after.secret), after.channel_id],
            ).rowcount
        if not changed:  # removed since it was read
            raise _unknown(name)
    return after


def listing(database: Database) -> list[Channel]:
    """All channels by name."""
    return _read(database, "true ORDER BY name")


def named(database: Database, name: str) -> Channel:
    """Raises UnknownChannelError."""
    found = _read(database, "name = %s", name)
    if not found:
        raise _unknown(name)
    return found[0]


def get(database: Database, channel_id: int) -> Channel:
    """Raises UnknownChannelError."""
    found = _read(database, "channel_id = %s", channel_id)
    if not found:
        raise UnknownChannelError
    return found[0]


def remove(database: Database, actor: Actor, name: str, now: datetime) -> None:
    """Raises UnknownChannelError, and ChannelInUseError while something is delivered through it."""
    with recorded(database, actor, "channel.remove", now, channel=name):
        try:
            with database.borrow() as connection:
                removed = connection.execute("DELETE FROM delivery_channels WHERE name = %s", [name]).rowcount
        except psycopg.errors.ForeignKeyViolation as error:
            raise ChannelInUseError(f"Something is delivered through the channel {name}; remove that first.") from error
        if removed == 0:
            raise _unknown(name)


def send_test(database: Database, actor: Actor, name: str, now: datetime, settings: Settings) -> Receipt:
    """Send a message that says what it is. Raises UnknownChannelError, DeliveryFailed."""
    channel = named(database, name)
    with recorded(database, actor, "channel.test", now, channel=name):
        text = f"This is a test of the channel {name}, sent by {actor.name}. Nothing is to be done."
        message = Message("Test of Relay Analytics", text, now, kind="test", data={"channel": name})
        return deliver(channel, message, key=f"test-{name.replace('.', '_')}-{now:%Y%m%dT%H%M%S%f}", settings=settings)


def _read(database: Database, where: LiteralString, *values: str | int) -> list[Channel]:
    query = f"""SELECT channel_id, name, kind, address, secret, created_at, created_by FROM delivery_channels
                WHERE {where}"""  # noqa: S608 (our own words)
    with database.borrow() as connection:
        rows = connection.execute(query, values).fetchall()
    return [
        Channel(number, name, kind, address, SecretStr(secret) if secret else None, at, by)
        for number, name, kind, address, secret, at, by in rows
    ]


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _unknown(name: str) -> UnknownChannelError:
    return UnknownChannelError(f"There is no channel named {name!r}.")
