"""Nostr direct messages (NIP-17): gift-wrapped, to the relays that the recipient reads messages at."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from nostr_sdk import (
    Client,
    ClientBuilder,
    EventBuilder,
    Filter,
    Keys,
    Kind,
    NostrSdkError,
    PublicKey,
    RelayUrl,
    ReqTarget,
    SendEventOutput,
    SendEventTarget,
    SignerAuthenticator,
    Tag,
    Timestamp,
    UnsignedEvent,
    nip17_extract_relay_list,
    nip59_make_gift_wrap,
)

from core.delivery.channels import Channel, Receipt
from core.delivery.message import Message
from core.delivery.network import require_public, resolve
from core.exceptions import DeliveryFailed
from core.settings import Settings

PRIVATE_MESSAGE, INBOX_RELAYS = Kind(14), Kind(10050)
PATIENCE = timedelta(seconds=10)
"""How long a relay may take to connect, and to answer."""
MOST_RELAYS = 5
LONGEST_TEXT = 13_000
"""Bytes of UTF-8. Many relays take events of up to 65,536 bytes; of these a quarter is base64 in each layer, both
are padded to steps of up to 8,192 (NIP-44), and every `"`, `\\` and line break takes two bytes."""
LONGEST_SUBJECT = 200
UNPRINTABLE = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f]")


def send(channel: Channel, message: Message, *, key: str, settings: Settings, reached: Collection[str]) -> Receipt:
    """Wrap the message for the recipient and hand it to its relays; one that takes it is enough."""
    keys = read_keys(settings.nostr_key_file)
    if not settings.nostr_relays:
        raise DeliveryFailed("Nostr messages need the setting NOSTR_RELAYS.", retryable=False)
    try:
        output = asyncio.run(_send(keys, PublicKey.parse(channel.address), text_of(message), message, key, settings))
    except NostrSdkError as error:
        raise DeliveryFailed(f"The message could not be sent: {error}", retryable=True) from error
    taken = tuple(str(url) for url in output.success)
    if not taken:
        said = "; ".join(f"{url}: {text}" for url, text in output.failed.items())
        raise DeliveryFailed(f"No relay took the message: {said or 'none answered'}", retryable=True)
    return Receipt(f"{', '.join(taken)} took it for {channel.address}", (channel.address,))


def read_keys(path: Path | None) -> Keys:
    """The sender. Raises DeliveryFailed when the setting is missing or the file holds no key."""
    if path is None:
        raise DeliveryFailed(
            "Nostr messages need the setting NOSTR_KEY_FILE; `relay-analytics channel key FILE` makes a key.",
            retryable=False,
        )
    try:
        return Keys.parse(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryFailed(f"NOSTR_KEY_FILE cannot be read: {error}", retryable=False) from error
    except NostrSdkError:  # its message could quote the key
        raise DeliveryFailed("NOSTR_KEY_FILE holds no secret key (nsec1… or 64 hex digits).", retryable=False) from None


def text_of(message: Message) -> str:
    """Subject and text, and what a direct message cannot carry. What is too long is cut, and says so."""
    files = [file.name for file in message.attachments if file.content_id is None]
    left_out = f"\n\nNot sent by Nostr: {', '.join(files)}." if files else ""
    text = UNPRINTABLE.sub(" ", f"{message.title}\n\n{message.text}").encode()
    if len(text) > LONGEST_TEXT:
        left_out = f"\n\n… cut here; the whole text has {len(text):,} bytes.{left_out}"
    return text[:LONGEST_TEXT].decode("utf-8", "ignore") + left_out


def rumor_of(keys: Keys, recipient: PublicKey, text: str, message: Message, key: str) -> UnsignedEvent:
    """The message within the wrap. It has the same id at every attempt, by which clients know a repetition."""
    tags = [
        Tag.parse(["p", recipient.to_hex()]),
        Tag.parse(["subject", message.title[:LONGEST_SUBJECT]]),
        Tag.parse(["client", "relay-analytics"]),
        Tag.parse(["key", key]),
    ]
    builder = EventBuilder(PRIVATE_MESSAGE, text).tags(tags)
    return builder.custom_created_at(Timestamp.from_secs(int(message.at.timestamp()))).finalize_unsigned(
        keys.public_key()
    )


async def _send(
    keys: Keys, recipient: PublicKey, text: str, message: Message, key: str, settings: Settings
) -> SendEventOutput:
    client = ClientBuilder().authenticator(SignerAuthenticator(keys)).build()
    try:
        known = [RelayUrl.parse(url) for url in settings.nostr_relays]
        await _connect(client, known)
        own = await _inbox_relays(client, known, recipient)
        if not settings.delivery_private_addresses:
            await asyncio.to_thread(_require_public, [url for url in own if url not in known])
        await _connect(client, own)
        wrap = nip59_make_gift_wrap(keys, recipient, rumor_of(keys, recipient, text, message, key))
        return await client.send_event(wrap, SendEventTarget.to(own or known), ok_timeout=PATIENCE)
    finally:
        await client.shutdown()


async def _connect(client: Client, urls: Iterable[RelayUrl]) -> None:
    for url in urls:
        await client.add_relay(url)
    await client.try_connect(PATIENCE)


async def _inbox_relays(client: Client, known: list[RelayUrl], recipient: PublicKey) -> list[RelayUrl]:
    """The relays of the newest kind 10050 of the recipient; none when it has published none."""
    wanted = Filter().kind(INBOX_RELAYS).author(recipient).limit(1)
    found = await client.fetch_events(ReqTarget.manual({url: [wanted] for url in known}), PATIENCE)
    if not found:
        return []
    newest = max(found, key=lambda event: event.created_at().as_secs())
    return list(nip17_extract_relay_list(newest)[:MOST_RELAYS])


def _require_public(urls: list[RelayUrl]) -> None:
    for url in urls:
        parts = urlsplit(str(url))
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        require_public(parts.hostname or "", resolve(parts.hostname or "", port))
