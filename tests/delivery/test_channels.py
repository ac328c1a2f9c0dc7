"""Stored channels: what can be added, what is shown of them, and what is remembered of changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from nostr_sdk import Keys

from core import audit
from core.audit import Actor
from core.delivery import registry
from core.delivery.addresses import address_of
from core.delivery.channels import Kind, deliver
from core.delivery.message import Message
from core.delivery.network import is_public
from core.exceptions import BadParameterError, ChannelInUseError, UnknownChannelError
from core.schedules import store
from core.schedules.schedule import Plan
from core.storage.database import Database
from tests.delivery.receivers import settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ADMIN = Actor("admin", "page")
KEY = Keys.parse("1" * 64).public_key()


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        ("mail", "Ann <ann@example.org>,bob@example.org ,ann@example.org", "ann@example.org, bob@example.org"),
        ("webhook", " https://example.org/hook?key=1 ", "https://example.org/hook?key=1"),
        ("directory", "bookkeeping/./monthly/", "bookkeeping/monthly"),
        ("nostr", KEY.to_hex(), KEY.to_bech32()),
        ("nostr", f"nostr:{KEY.to_bech32()}", KEY.to_bech32()),
    ],
)
def test_addresses_are_kept_in_one_form(kind: Kind, given: str, stored: str) -> None:
    assert address_of(kind, given) == stored


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("mail", "nobody"), ("mail", ""), ("mail", "a@b\r\nBcc: c@d"), ("mail", ","), ("mail", "ann@"),
        ("mail", ", ".join(f"u{n}@example.org" for n in range(51))),
        ("webhook", "ftp://example.org"), ("webhook", "https://"), ("webhook", "https://user:pw@example.org/"),
        ("webhook", "https://example.org:99999/"), ("webhook", "https://example.org/a b"), ("webhook", "/hook"),
        ("directory", "/etc"), ("directory", "../up"), ("directory", "a/../../b"), ("directory", "a\0b"),
        ("nostr", "npub1wrong"), ("nostr", KEY.to_hex()[:-1]),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_used_are_refused(kind: Kind, given: str) -> None:
    with pytest.raises(BadParameterError):
        address_of(kind, given)


def test_what_a_change_leaves_out_stays(database: Database) -> None:
    made = registry.add(database, ADMIN, "billing", "webhook", "https://example.org/hook?token=abc", NOW)
    moved = registry.change(database, ADMIN, "billing", NOW, address="https://example.net/in")
    assert (moved.address, moved.secret) == ("https://example.net/in", made.secret)
    renewed = registry.change(database, ADMIN, "billing", NOW, renew_secret=True)
    assert renewed.address == moved.address
    assert renewed.secret not in (None, made.secret)
    assert registry.get(database, made.channel_id) == renewed
    assert [(entry.action, entry.details) for entry in audit.entries(database)][:2] == [
        ("channel.change", {"channel": "billing", "renewed_secret": True}),
        ("channel.change", {"channel": "billing", "renewed_secret": False, "address": "https://example.net/…"}),
    ]


def test_a_change_that_cannot_be_made_changes_nothing(database: Database) -> None:
    made = registry.add(database, ADMIN, "books", "mail", "ann@example.org", NOW)
    with pytest.raises(BadParameterError, match="no mail address"):
        registry.change(database, ADMIN, "books", NOW, address="nobody")
    with pytest.raises(BadParameterError, match="webhook"):
        registry.change(database, ADMIN, "books", NOW, address="bob@example.org", renew_secret=True)
    with pytest.raises(BadParameterError, match="Give another address"):
        registry.change(database, ADMIN, "books", NOW)
    with pytest.raises(UnknownChannelError):
        registry.change(database, ADMIN, "nobody", NOW, address="bob@example.org")
    assert registry.named(database, "books") == made


def test_a_channel_is_stored_shown_without_its_secrets_and_removed(database: Database) -> None:
    made = registry.add(database, ADMIN, "billing", "webhook", "https://example.org/hook?token=abc", NOW)
    assert made.secret is not None
    secret = made.secret.get_secret_value()
    assert registry.named(database, "billing") == made == registry.get(database, made.channel_id)
    assert made.shown == "https://example.org/…"
    assert secret not in repr(registry.listing(database))
    registry.remove(database, ADMIN, "billing", NOW)
    assert registry.listing(database) == []
    said = repr(audit.entries(database))
    assert [entry.action for entry in audit.entries(database)] == ["channel.remove", "channel.add"]
    assert secret not in said
    assert "token=abc" not in said


def test_a_channel_that_something_is_delivered_through_stays(database: Database) -> None:
    registry.add(database, ADMIN, "files", "directory", "x", NOW)
    plan = Plan("Daily", "traffic", "0 6 * * *", "yesterday", "csv", "files")
    made = store.add(database, ADMIN, store.OPERATOR, plan, NOW)
    with pytest.raises(ChannelInUseError, match="files"):
        registry.remove(database, ADMIN, "files", NOW)
    store.remove(database, ADMIN, store.OPERATOR, made.schedule_id, NOW)
    registry.remove(database, ADMIN, "files", NOW)
    assert registry.listing(database) == []


def test_a_name_is_there_once_and_one_that_is_not_there_is_said(database: Database) -> None:
    registry.add(database, ADMIN, "files", "directory", "x", NOW)
    with pytest.raises(BadParameterError, match="already"):
        registry.add(database, ADMIN, "files", "directory", "y", NOW)
    with pytest.raises(BadParameterError, match="name"):
        registry.add(database, ADMIN, "Files!", "directory", "y", NOW)
    for missing in (registry.named, registry.remove):
        with pytest.raises(UnknownChannelError, match="'other'"):
            missing(database, "other") if missing is registry.named else registry.remove(database, ADMIN, "other", NOW)


def test_a_test_is_really_sent(database: Database, tmp_path: Path) -> None:
    registry.add(database, ADMIN, "files", "directory", "x", NOW)
    receipt = registry.send_test(database, ADMIN, "files", NOW, settings(delivery_dir=tmp_path))
    (file,) = (tmp_path / "x").iterdir()
    assert receipt.reached == (str(file),)
    assert "sent by admin" in file.read_text()


def test_a_key_that_could_not_be_part_of_a_header_is_refused(database: Database) -> None:
    channel = registry.add(database, ADMIN, "files", "directory", "x", NOW)
    for key in ("", "a b", "a\r\nb", "a/b", "x" * 121):
        with pytest.raises(BadParameterError, match="idempotency"):
            deliver(channel, Message("s", "t", NOW), key=key, settings=settings())


def test_public_addresses_are_told_from_private_ones() -> None:
    from ipaddress import ip_address

    assert all(is_public(ip_address(text)) for text in ("93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e"))
