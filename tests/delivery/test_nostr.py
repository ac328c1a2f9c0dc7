"""Nostr messages, through real relays to a recipient that unwraps them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nostr_sdk import (
    ClientBuilder,
    Event,
    EventBuilder,
    Filter,
    Keys,
    Kind,
    LocalRelayBuilder,
    RelayUrl,
    ReqTarget,
    SendEventTarget,
    Tag,
    UnwrappedGift,
)

from core.delivery.channels import Channel, deliver
from core.delivery.message import Attachment, Message
from core.delivery.nostr import LONGEST_TEXT
from core.exceptions import DeliveryFailed
from core.settings import Settings
from tests.delivery.receivers import settings

AT = datetime(2026, 3, 1, tzinfo=UTC)
ALERT = Message("Relay is slow", "P95 is 4,000 ms ⚠", AT)
GIFT_WRAP = Kind(1059)
SHORT = timedelta(seconds=5)


@contextmanager
def relays(number: int) -> Iterator[list[str]]:
    """Real relays of nostr-sdk, in a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> list[tuple[Any, str]]:
        made = [LocalRelayBuilder().build() for _ in range(number)]
        for relay in made:
            await relay.run()
        return [(relay, str(await relay.url())) for relay in made]

    running = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield [url for _, url in running]
    finally:
        for relay, _ in running:
            relay.shutdown()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def sender(tmp_path: Path) -> Path:
    file = tmp_path / "nostr.key"
    file.write_text(Keys.generate().secret_key().to_bech32() + "\n")
    return file


def configured(tmp_path: Path, *urls: str, **more: Any) -> Settings:
    options = {"nostr_relays": urls, "nostr_key_file": sender(tmp_path), "delivery_private_addresses": True}
    return settings(**options | more)


def to(recipient: Keys) -> Channel:
    return Channel(1, "operator", "nostr", recipient.public_key().to_bech32(), None, AT, "admin")


def publish(url: str, event: Event) -> None:
    async def run() -> None:
        client = ClientBuilder().build()
        await client.add_relay(RelayUrl.parse(url))
        await client.try_connect(SHORT)
        await client.send_event(event, SendEventTarget.to([RelayUrl.parse(url)]))
        await client.shutdown()

    asyncio.run(run())


def received(url: str, recipient: Keys) -> list[UnwrappedGift]:
    """What the recipient finds at a relay, unwrapped with its key; the seal's signature is checked."""

    async def run() -> list[Event]:
        client = ClientBuilder().build()
        await client.add_relay(RelayUrl.parse(url))
        await client.try_connect(SHORT)
        wanted = Filter().kind(GIFT_WRAP).pubkey(recipient.public_key())
        found = await client.fetch_events(ReqTarget.single(RelayUrl.parse(url), [wanted]), SHORT)
        await client.shutdown()
        return list(found)

    return [UnwrappedGift.from_gift_wrap(recipient, wrap) for wrap in asyncio.run(run())]


def test_the_recipient_unwraps_it_and_knows_the_sender(tmp_path: Path) -> None:
    recipient = Keys.generate()
    with relays(1) as (url,):
        options = configured(tmp_path, url)
        receipt = deliver(to(recipient), ALERT, key="alert-1", settings=options)
        (gift,) = received(url, recipient)
    assert receipt.reached == (recipient.public_key().to_bech32(),)
    assert options.nostr_key_file is not None
    author = Keys.parse(options.nostr_key_file.read_text().strip()).public_key()
    assert gift.sender().to_hex() == author.to_hex()
    rumor = gift.rumor()
    assert rumor.kind().as_u16() == 14
    assert rumor.content() == "Relay is slow\n\nP95 is 4,000 ms ⚠"
    assert rumor.created_at().as_secs() == int(AT.timestamp())


def test_another_attempt_has_the_same_id_within(tmp_path: Path) -> None:
    recipient = Keys.generate()
    with relays(1) as (url,):
        options = configured(tmp_path, url)
        for _ in range(2):
            deliver(to(recipient), ALERT, key="alert-1", settings=options)
        found = received(url, recipient)
    assert len(found) == 2
    assert len({str(gift.rumor().id()) for gift in found}) == 1


def test_it_goes_to_the_relays_that_the_recipient_names(tmp_path: Path) -> None:
    recipient = Keys.generate()
    with relays(2) as (known, own):
        named = EventBuilder(Kind(10050), "").tags([Tag.parse(["relay", own])])
        publish(known, named.finalize(recipient))
        deliver(to(recipient), ALERT, key="alert-1", settings=configured(tmp_path, known))
        assert len(received(own, recipient)) == 1
        assert received(known, recipient) == []


def test_relays_that_a_recipient_names_must_be_public(tmp_path: Path) -> None:
    recipient = Keys.generate()
    with relays(2) as (known, own):
        named = EventBuilder(Kind(10050), "").tags([Tag.parse(["relay", own])])
        publish(known, named.finalize(recipient))
        with pytest.raises(DeliveryFailed, match="not on the open internet"):
            deliver(
                to(recipient),
                ALERT,
                key="alert-1",
                settings=configured(tmp_path, known, delivery_private_addresses=False),
            )
        assert received(own, recipient) == []


def test_what_is_too_long_is_cut_and_says_so_and_files_are_named(tmp_path: Path) -> None:
    recipient = Keys.generate()
    long = Message("Long", "\n" * 200_000, AT, attachments=(Attachment("x.csv", "text/csv", b""),))
    with relays(1) as (url,):
        deliver(to(recipient), long, key="k", settings=configured(tmp_path, url))
        (gift,) = received(url, recipient)
    content = gift.rumor().content()
    assert len(content.encode()) < LONGEST_TEXT + 200
    assert "the whole text has 200,006 bytes" in content
    assert "Not sent by Nostr: x.csv" in content


def test_no_relay_in_reach_is_worth_another_attempt(tmp_path: Path) -> None:
    with relays(1) as (url,):
        pass
    with pytest.raises(DeliveryFailed) as failed:
        deliver(to(Keys.generate()), ALERT, key="k", settings=configured(tmp_path, url))
    assert failed.value.retryable


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), ("no key", "no secret key"), ("npub1qqqq", "no secret key")],
)
def test_without_a_key_it_says_so_and_never_quotes_the_file(content: str | None, says: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(DeliveryFailed, match=says) as failed:
        deliver(to(Keys.generate()), ALERT, key="k", settings=configured(tmp_path, nostr_key_file=file))
    assert not failed.value.retryable
    assert content is None or content not in str(failed.value)


def test_without_the_settings_it_names_them(tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed, match="NOSTR_KEY_FILE"):
        deliver(to(Keys.generate()), ALERT, key="k", settings=settings())
    with pytest.raises(DeliveryFailed, match="NOSTR_RELAYS"):
        deliver(to(Keys.generate()), ALERT, key="k", settings=configured(tmp_path))
