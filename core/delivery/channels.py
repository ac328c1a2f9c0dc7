"""Channels: named destinations, and the one function that sends a message to any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Literal, get_args
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from core.delivery.message import Message
from core.exceptions import BadParameterError, DeliveryFailed
from core.settings import Settings

log = structlog.get_logger(__name__)

Kind = Literal["mail", "webhook", "directory", "nostr"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KEY = re.compile(r"[A-Za-z0-9_-]{1,120}")
"""An idempotency key: it becomes part of a Message-ID, a header and perhaps a file name."""


@dataclass(frozen=True, repr=False)
class Channel:
    """A stored destination. `address`: mail addresses, a URL, a directory or an npub, in the form `addresses.py` gives
    it; `secret` signs webhooks. Neither is in its `repr`: the address of a webhook often holds a secret too."""

    channel_id: int
    name: str
    kind: Kind
    address: str
    secret: SecretStr | None
    created_at: datetime
    created_by: str

    def __repr__(self) -> str:
        return f"<Channel {self.name} ({self.kind})>"

    @property
    def shown(self) -> str:
        """The address as people may see it: of a webhook only where it goes."""
        if self.kind != "webhook":
            return self.address
        url = urlsplit(self.address)
        return f"{url.scheme}://{url.netloc}/…"


@dataclass(frozen=True)
class Receipt:
    """What became of a message: a sentence for people, and whom it reached."""

    detail: str
    reached: tuple[str, ...]


SENDERS: Mapping[Kind, str] = {
    "mail": "core.delivery.mail",
    "webhook": "core.delivery.webhook",
    "directory": "core.delivery.directory",
    "nostr": "core.delivery.nostr",
}
"""The module whose `send` serves a kind; loaded when first needed, since most processes send nothing."""


def deliver(
    channel: Channel, message: Message, *, key: str, settings: Settings, reached: Collection[str] = ()
) -> Receipt:
    """Send `message`, and return once the other side has taken it. Blocks for up to a minute: call it from a thread.

    `key` names this message for ever: whoever gets it twice knows by it (header of webhooks, Message-ID of mails, name
    of files without one). `reached`: recipients that an earlier attempt has reached, which get nothing again.
    Raises DeliveryFailed, which says whether another attempt makes sense and whom this one reached.
    """
    if not KEY.fullmatch(key):
        raise BadParameterError(f"{key!r} is no idempotency key: it has 1 to 120 letters, digits, - and _.")
    send: Callable[..., Receipt] = import_module(SENDERS[channel.kind]).send
    try:
        receipt = send(channel, message, key=key, settings=settings, reached=reached)
    except DeliveryFailed as error:
        log.warning(
            "not_delivered", channel=channel.name, kind=channel.kind, key=key, retryable=error.retryable,
            error=str(error),
        )  # fmt: skip
        raise
    log.info("delivered", channel=channel.name, kind=channel.kind, key=key, detail=receipt.detail)
    return receipt
