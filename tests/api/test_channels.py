"""Channels over the API: what an administrator does with them, and what nobody gets to see again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import audit
from core.storage.database import Database
from tests.api.served import PREFIX, Served, serve


@pytest.fixture
def admin(database: Database, tmp_path: Path) -> Iterator[Served]:
    with serve(database, delivery_dir=tmp_path) as made:
        made.client.headers = {"Authorization": f"Bearer {made.tokens['admin']}"}
        yield made


def test_a_webhook_is_added_listed_without_its_secrets_and_removed(admin: Served) -> None:
    given = {"name": "billing", "kind": "webhook", "address": "https://example.org/hook?token=abc"}
    added = admin.client.post(f"{PREFIX}/channels", json=given)
    assert added.status_code == 201
    secret = added.json()["secret"]
    listed = admin.get("/channels", "business")
    assert [row["delivers_to"] for row in listed.json()["data"]] == ["https://example.org/…"]
    for hidden in (secret, "token=abc"):
        assert hidden not in listed.text
        assert hidden not in admin.get("/audit").text
    assert admin.client.post(f"{PREFIX}/channels", json=given).status_code == 422
    assert admin.client.delete(f"{PREFIX}/channels/billing").status_code == 204
    assert admin.client.delete(f"{PREFIX}/channels/billing").status_code == 404
    made, again, removed = [
        entry for entry in reversed(audit.entries(admin.database)) if "refused" not in entry.action
    ][:3]
    assert (made.action, made.via, again.action, removed.action) == (
        "channel.add", f"token {made.via.split()[1]}", "channel.add", "channel.remove",
    )  # fmt: skip


def test_a_channel_gets_another_address_or_secret_and_keeps_what_is_left_out(admin: Served) -> None:
    given = {"name": "billing", "kind": "webhook", "address": "https://example.org/hook?token=abc"}
    secret = admin.client.post(f"{PREFIX}/channels", json=given).json()["secret"]
    moved = admin.client.patch(f"{PREFIX}/channels/billing", json={"address": "https://example.net/hook?token=def"})
    assert (moved.status_code, moved.json()["secret"]) == (200, None)
    assert moved.json()["delivers_to"] == "https://example.net/…"
    renewed = admin.client.patch(f"{PREFIX}/channels/billing", json={"renew_secret": True}).json()
    assert renewed["secret"] not in (None, secret)
    assert admin.client.patch(f"{PREFIX}/channels/billing", json={}).status_code == 422
    assert admin.client.patch(f"{PREFIX}/channels/billing", json={"kind": "mail"}).status_code == 422
    assert admin.client.patch(f"{PREFIX}/channels/nobody", json={"renew_secret": True}).status_code == 404
    for hidden in (secret, renewed["secret"], "token="):
        assert hidden not in admin.get("/audit").text


def test_a_test_is_sent_or_says_why_not(admin: Served, tmp_path: Path) -> None:
    admin.client.post(f"{PREFIX}/channels", json={"name": "files", "kind": "directory", "address": "in"})
    sent = admin.client.post(f"{PREFIX}/channels/files/test")
    assert sent.status_code == 200
    assert str(next((tmp_path / "in").iterdir())) in sent.json()["detail"]
    admin.client.post(f"{PREFIX}/channels", json={"name": "mail", "kind": "mail", "address": "a@example.org"})
    refused = admin.client.post(f"{PREFIX}/channels/mail/test")
    assert refused.status_code == 502
    assert "SMTP_HOST" in refused.json()["detail"]
