"""Mail, by SMTP to the server of the settings."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from socket import getfqdn
from typing import Any

from core.delivery.channels import Channel, Receipt
from core.delivery.message import Attachment, Message
from core.exceptions import DeliveryFailed
from core.settings import Settings

TIMEOUT = 30.0
"""Seconds for one answer of the server."""


def send(channel: Channel, message: Message, *, key: str, settings: Settings, reached: Collection[str]) -> Receipt:
    """One mail to each recipient that has none yet: recipients do not see each other, and one that is refused does not
    keep it from the others."""
    waiting = [one for one in channel.address.split(", ") if one not in reached]
    done, failures = list(reached), []
    with _session(settings) as server:
        for recipient in waiting:
            try:
                server.send_message(compose(message, key, recipient, settings))
            except smtplib.SMTPServerDisconnected as error:
                failures.append((recipient, str(error), True))
                break
            except smtplib.SMTPException as error:
                failures.append((recipient, _said(error), _is_temporary(error)))
            else:
                done.append(recipient)
    if failures:
        said = "; ".join(f"{recipient}: {text}" for recipient, text, _ in failures)
        retryable = any(temporary for _, _, temporary in failures)
        raise DeliveryFailed(f"The mail server did not take it for {said}", retryable=retryable, reached=tuple(done))
    return Receipt(f"{settings.smtp_host} took it for {', '.join(done)}", tuple(done))


def compose(message: Message, key: str, recipient: str, settings: Settings) -> EmailMessage:
    """The mail to one recipient: text, HTML with its images, files. The Message-ID is the same at every attempt."""
    name, sender = parseaddr(settings.smtp_from or "")
    mail = EmailMessage()
    mail["From"] = Address(name or "Relay Analytics", addr_spec=sender)
    mail["To"] = recipient
    mail["Subject"] = message.title
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{key}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence assistant shall answer
    mail.set_content(message.text)
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
        body = mail.get_payload()[1]  # type: ignore[index]
        for image in message.images:
            body.add_related(image.content, **_of(image), disposition="inline", cid=f"<{image.content_id}>")  # type: ignore[union-attr]
    for file in message.attachments:
        if file.content_id is None:
            mail.add_attachment(file.content, **_of(file))
    return mail


def _of(file: Attachment) -> dict[str, Any]:
    maintype, _, subtype = file.media_type.partition(";")[0].partition("/")
    return {"maintype": maintype, "subtype": subtype, "filename": file.name}


@contextmanager
def _session(settings: Settings) -> Iterator[smtplib.SMTP]:
    """A connection to the server, encrypted and signed in as the settings say. Raises DeliveryFailed."""
    if settings.smtp_host is None or settings.smtp_from is None:
        raise DeliveryFailed("Mail needs the settings SMTP_HOST and SMTP_FROM.", retryable=False)
    try:
        with _connected(settings) as server:
            if settings.smtp_user is not None:
                server.login(settings.smtp_user, _password(settings))
            yield server
    except smtplib.SMTPException as error:
        raise DeliveryFailed(
            f"The mail server {settings.smtp_host} refused: {_said(error)}", retryable=_is_temporary(error)
        ) from error
    except OSError as error:
        raise DeliveryFailed(
            f"The mail server {settings.smtp_host}:{settings.smtp_port} cannot be reached: {error}", retryable=True
        ) from error


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port = str(settings.smtp_host), settings.smtp_port
    if settings.smtp_tls == "tls":
        return smtplib.SMTP_SSL(host, port, getfqdn(), timeout=TIMEOUT, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, getfqdn(), timeout=TIMEOUT)
    if settings.smtp_tls == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _password(settings: Settings) -> str:
    if settings.smtp_password_file is None:
        raise DeliveryFailed("SMTP_USER is set, but SMTP_PASSWORD_FILE is not.", retryable=False)
    try:
        return settings.smtp_password_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryFailed(f"SMTP_PASSWORD_FILE cannot be read: {error}", retryable=False) from error


def _is_temporary(error: smtplib.SMTPException) -> bool:
    """RFC 5321: 4yz may be tried again, 5yz not."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500 or error.smtp_code < 0
    return not isinstance(error, smtplib.SMTPNotSupportedError)


def _said(error: smtplib.SMTPException) -> str:
    """What the server said, in one line."""
    answers = [(error.smtp_code, error.smtp_error)] if isinstance(error, smtplib.SMTPResponseException) else []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
    said = [f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}" for code, text in answers]
    return " ".join("; ".join(said or [str(error)]).split())
