"""Mails, as a real SMTP server receives them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.delivery.channels import Channel, deliver
from core.delivery.message import Attachment, Message
from core.exceptions import DeliveryFailed
from core.settings import Settings
from tests.delivery.receivers import Mailbox, password_is, settings, smtp_server

AT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
REPORT = Message(
    "Traffic\nin February",
    "1,234 events",
    AT,
    html='<p>1,234 events <img src="cid:chart"></p>',
    attachments=(
        Attachment("chart.png", "image/png", PNG, content_id="chart"),
        Attachment("traffic.csv", "text/csv; charset=utf-8", b"day,events\r\n2026-02-01,1234\r\n"),
    ),
)


def to(*recipients: str) -> Channel:
    return Channel(1, "bookkeeping", "mail", ", ".join(recipients), None, AT, "admin")


def plain(box: Mailbox, **more: object) -> Settings:
    values = {"smtp_host": "localhost", "smtp_port": box.port, "smtp_tls": "off", "smtp_from": "RA <ra@example.org>"}
    return settings(**values | more)


def test_a_mail_has_text_html_with_its_image_and_files() -> None:
    with smtp_server() as box:
        receipt = deliver(to("ann@example.org"), REPORT, key="s1-2026-02", settings=plain(box))
    (mail,) = box.mails
    assert receipt.reached == ("ann@example.org",)
    assert (mail["From"], mail["To"]) == ("RA <ra@example.org>", "ann@example.org")
    assert mail["Subject"] == "Traffic in February"
    assert mail["Message-ID"] == "<s1-2026-02@example.org>"
    assert mail["Date"].datetime == AT
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "1,234 events"
    assert 'src="cid:chart"' in html.get_content()
    (image,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert image["Content-ID"] == "<chart>"
    assert image.get_content() == PNG
    (file,) = list(mail.iter_attachments())
    assert file.get_filename() == "traffic.csv"
    assert "2026-02-01,1234" in file.get_content()


def test_every_attempt_has_the_same_message_id_and_date() -> None:
    with smtp_server() as box:
        for _ in range(2):
            deliver(to("ann@example.org"), REPORT, key="s1-2026-02", settings=plain(box))
    assert len({(mail["Message-ID"], mail["Date"]) for mail in box.mails}) == 1


def test_one_recipient_who_is_refused_does_not_keep_it_from_the_others_and_nobody_gets_it_twice() -> None:
    channel = to("ann@example.org", "bob@example.org", "cyd@example.org")
    with smtp_server() as box:
        box.refuse = {"bob@example.org": "450 greylisted, come again"}
        with pytest.raises(DeliveryFailed, match=r"bob@example\.org: 450 greylisted") as failed:
            deliver(channel, REPORT, key="k", settings=plain(box))
        assert failed.value.retryable
        assert failed.value.reached == ("ann@example.org", "cyd@example.org")
        box.refuse = {}
        receipt = deliver(channel, REPORT, key="k", settings=plain(box), reached=failed.value.reached)
    assert sorted(receipt.reached) == ["ann@example.org", "bob@example.org", "cyd@example.org"]
    assert sorted(box.recipients) == ["ann@example.org", "bob@example.org", "cyd@example.org"]


def test_a_recipient_refused_for_good_is_not_tried_again() -> None:
    with smtp_server() as box:
        box.refuse = {"bob@example.org": "550 no such user"}
        with pytest.raises(DeliveryFailed, match="550 no such user") as failed:
            deliver(to("bob@example.org"), REPORT, key="k", settings=plain(box))
    assert not failed.value.retryable


def test_a_server_that_is_away_is_worth_another_attempt() -> None:
    with smtp_server() as box:
        pass
    with pytest.raises(DeliveryFailed, match="cannot be reached") as failed:
        deliver(to("ann@example.org"), REPORT, key="k", settings=plain(box))
    assert failed.value.retryable


def test_without_a_server_or_sender_in_the_settings_it_says_which_settings_it_needs() -> None:
    with pytest.raises(DeliveryFailed, match="SMTP_HOST and SMTP_FROM") as failed:
        deliver(to("ann@example.org"), REPORT, key="k", settings=settings())
    assert not failed.value.retryable


def test_starttls_checks_the_certificate_and_comes_before_the_password(
    certificate: ssl.SSLContext, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("very secret\n")
    options = {"smtp_tls": "starttls", "smtp_user": "ra", "smtp_password_file": password}
    with smtp_server(
        certificate, require_starttls=True, auth_required=True, authenticator=password_is("very secret")
    ) as box:
        deliver(to("ann@example.org"), REPORT, key="k", settings=plain(box, **options))
        password.write_text("wrong")
        with pytest.raises(DeliveryFailed, match="535") as failed:
            deliver(to("ann@example.org"), REPORT, key="k", settings=plain(box, **options))
    assert len(box.mails) == 1
    assert not failed.value.retryable
    assert "wrong" not in str(failed.value)


def test_a_certificate_of_another_name_is_refused(wrong_certificate: ssl.SSLContext) -> None:
    with smtp_server(wrong_certificate) as box, pytest.raises(DeliveryFailed, match="certificate"):
        deliver(to("ann@example.org"), REPORT, key="k", settings=plain(box, smtp_tls="starttls"))
    assert box.mails == []


def test_a_server_that_offers_no_encryption_gets_no_mail_in_the_clear() -> None:
    with smtp_server() as box, pytest.raises(DeliveryFailed) as failed:
        deliver(to("ann@example.org"), REPORT, key="k", settings=plain(box, smtp_tls="starttls"))
    assert box.mails == []
    assert not failed.value.retryable
