"""Webhooks, as a real HTTP server receives them and the library of Standard Webhooks verifies them."""

from __future__ import annotations

import ssl
from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from core.delivery.channels import Channel, deliver
from core.delivery.message import Attachment, Message
from core.delivery.webhook import new_secret
from core.exceptions import DeliveryFailed
from tests.delivery.receivers import Hook, hook_server, settings

AT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
FILE = Attachment("traffic.csv", "text/csv", b"day,events\r\n")
REPORT = Message("Traffic", "1,234 events", AT, attachments=(FILE,), kind="report", data={"schedule": "monthly"})
SECRET = new_secret()
PRIVATE_HOSTS = (
    "127.0.0.1", "localhost", "0", "10.1.2.3", "169.254.1.1", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1",
)  # fmt: skip
PRIVATE = settings(delivery_private_addresses=True)


def to(url: str) -> Channel:
    return Channel(1, "billing", "webhook", url, SecretStr(SECRET), AT, "admin")


def plain(hook: Hook) -> Channel:
    return to(f"http://127.0.0.1:{hook.port}/hook?token=abc")


def refusal(channel: Channel, **values: Any) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        deliver(channel, REPORT, key="k", settings=settings(**values) if values else PRIVATE)
    return failed.value


def test_a_call_says_what_it_is_and_holds_the_files() -> None:
    with hook_server() as hook:
        receipt = deliver(plain(hook), REPORT, key="s1-2026-02", settings=PRIVATE)
    (call,) = hook.calls
    assert receipt.detail == "127.0.0.1 answered 204"
    assert call.path == "/hook?token=abc"
    assert (call.json["type"], call.json["timestamp"]) == ("report", "2026-03-01T06:00:00+00:00")
    data = call.json["data"]
    assert (data["subject"], data["text"], data["schedule"]) == ("Traffic", "1,234 events", "monthly")
    assert b64decode(data["files"][0]["content"]) == FILE.content


def test_the_library_of_the_receiver_verifies_it_and_refuses_a_changed_body_and_another_secret() -> None:
    with hook_server() as hook:
        deliver(plain(hook), REPORT, key="s1-2026-02", settings=PRIVATE)
    (call,) = hook.calls
    assert call.headers["webhook-id"] == "s1-2026-02"
    assert Webhook(SECRET).verify(call.body, call.headers)["type"] == "report"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(call.body.replace(b"1,234", b"9,234"), call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(call.body, call.headers)


@pytest.mark.parametrize(
    ("status", "retryable"), [(500, True), (503, True), (429, True), (408, True), (400, False), (404, False)]
)
def test_a_refusal_says_what_the_receiver_said_and_whether_to_come_again(status: int, retryable: bool) -> None:
    with hook_server() as hook:
        hook.statuses = [status]
        error = refusal(plain(hook))
    assert str(error) == f"127.0.0.1 answered {status}: what the receiver says"
    assert error.retryable == retryable


def test_a_redirect_is_not_followed() -> None:
    with hook_server() as elsewhere, hook_server() as hook:
        hook.statuses = [307]
        hook.headers = {"Location": f"http://127.0.0.1:{elsewhere.port}/"}
        error = refusal(plain(hook))
    assert not error.retryable
    assert elsewhere.calls == []


def test_a_receiver_that_is_away_is_worth_another_attempt() -> None:
    with hook_server() as hook:
        pass
    assert refusal(plain(hook)).retryable


def test_https_checks_the_certificate(certificate: ssl.SSLContext) -> None:
    with hook_server(certificate) as hook:
        deliver(to(f"https://localhost:{hook.port}/hook"), REPORT, key="k", settings=PRIVATE)
        assert len(hook.calls) == 1
        assert hook.calls[0].headers["host"] == f"localhost:{hook.port}"


def test_https_refuses_a_certificate_of_another_name(wrong_certificate: ssl.SSLContext) -> None:
    with hook_server(wrong_certificate) as hook:
        error = refusal(to(f"https://localhost:{hook.port}/hook"))
    assert "certificate" in str(error)
    assert hook.calls == []


def test_https_refuses_an_unknown_authority(certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with hook_server(certificate) as hook:
        assert "certificate" in str(refusal(to(f"https://localhost:{hook.port}/hook")))


def test_private_addresses_are_refused_unless_the_settings_allow_them() -> None:
    with hook_server() as hook:
        for host in PRIVATE_HOSTS:
            for scheme in ("http", "https"):
                error = refusal(to(f"{scheme}://{host}:{hook.port}/hook"), delivery_private_addresses=False)
                assert "DELIVERY_PRIVATE_ADDRESSES" in str(error)
                assert not error.retryable
    assert hook.calls == []


def test_the_open_internet_gets_nothing_in_the_clear() -> None:
    for allowed in (True, False):
        assert "must be https" in str(refusal(to("http://93.184.215.14/hook"), delivery_private_addresses=allowed))


def test_neither_secret_nor_address_is_in_logs_and_names() -> None:
    with capture_logs() as logs, hook_server() as hook:
        channel = plain(hook)
        deliver(channel, REPORT, key="k", settings=PRIVATE)
        hook.statuses = [500]
        error = refusal(channel)
        shown = f"{logs} {error} {channel!r} {channel} {channel.shown}"
    assert len(logs) == 2
    assert SECRET not in shown
    assert "token=abc" not in shown
