"""Webhooks, signed as https://www.standardwebhooks.com describes: receivers can verify with a library of theirs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import ssl
import time
from collections.abc import Collection
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError, TimeoutError

from core.delivery.channels import Channel, Receipt
from core.delivery.message import Message
from core.delivery.network import Address, is_public, require_public, resolve
from core.exceptions import DeliveryFailed
from core.settings import Settings

TIMEOUT = urllib3.Timeout(connect=5, read=20)
SECRET_PREFIX = "whsec_"  # noqa: S105  # pragma: allowlist secret
TEMPORARY = frozenset({408, 425, 429})
"""With 5xx: the statuses after which another attempt makes sense."""
QUOTED = 200
"""Bytes of a refusal that are shown."""


def new_secret() -> str:
    """A random signing secret of 32 bytes, in the form that libraries of Standard Webhooks take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `key.timestamp.body` in base64. `timestamp`: seconds since the Unix epoch."""
    signed = f"{key}.{timestamp}.".encode() + body
    try:
        raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise DeliveryFailed("The secret of the webhook is damaged; make the channel anew.", retryable=False) from error
    return "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()


def body_of(message: Message, key: str) -> bytes:
    """The JSON that is posted: what it is, when it was made, what it says, its files in base64."""
    files = [
        {
            "name": file.name,
            "media_type": file.media_type,
            "bytes": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "content": base64.b64encode(file.content).decode(),
        }
        for file in message.files(key)
    ]
    return msgspec.json.encode(
        {
            "type": message.kind,
            "timestamp": message.at.isoformat(),
            "data": {"subject": message.title, "text": message.text, **message.data, "files": files},
        }
    )


def send(channel: Channel, message: Message, *, key: str, settings: Settings, reached: Collection[str]) -> Receipt:
    """POST the message; 2xx is success, a redirect is not followed."""
    if channel.secret is None:
        raise DeliveryFailed("The channel has no secret to sign with.", retryable=False)
    body = body_of(message, key)
    timestamp = int(time.time())  # of this attempt: receivers refuse what is minutes old
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "relay-analytics",
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(channel.secret.get_secret_value(), key, timestamp, body),
    }
    host = urlsplit(channel.address).hostname or ""
    status, said = _post(channel.address, body, headers, private=settings.delivery_private_addresses)
    if 200 <= status < 300:
        return Receipt(f"{host} answered {status}", (host,))
    if 300 <= status < 400:
        raise DeliveryFailed(f"{host} redirects ({status}), which is not followed: use its address.", retryable=False)
    retryable = status >= 500 or status in TEMPORARY
    raise DeliveryFailed(f"{host} answered {status}: {said}", retryable=retryable)


def _post(url: str, body: bytes, headers: dict[str, str], *, private: bool) -> tuple[int, str]:
    """Status and the beginning of the answer. The name is resolved once, and what was checked is what is connected to;
    the certificate must be of the name."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = resolve(host, port)
    if not private:
        require_public(host, addresses)
    if parts.scheme == "http" and any(is_public(address) for address in addresses):
        raise DeliveryFailed(f"{host} is on the open internet: its webhook must be https.", retryable=False)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    failure: HTTPError | None = None
    for address in addresses:
        with _pool(parts.scheme, host, port, address) as pool:
            try:
                answer = pool.request(
                    "POST", target, body=body, headers=headers | {"Host": parts.netloc}, redirect=False, retries=False,
                    preload_content=False, assert_same_host=False,
                )  # fmt: skip
                said = answer.read1(QUOTED, decode_content=False) if answer.status >= 300 else b""
                answer.close()
                return answer.status, " ".join((said or b"").decode("utf-8", "replace").split())
            except NewConnectionError as error:
                failure = error  # nothing was sent: the host's next address may be in reach
            except HTTPError as error:
                failure = error
                break
    assert failure is not None  # noqa: S101 (a name resolves to at least one address)
    raise DeliveryFailed(f"{host} cannot be reached: {_reason(failure)}", retryable=True) from failure


def _pool(scheme: str, host: str, port: int, address: Address) -> urllib3.HTTPConnectionPool:
    if scheme == "http":
        return urllib3.HTTPConnectionPool(str(address), port, timeout=TIMEOUT)
    return urllib3.HTTPSConnectionPool(
        str(address), port, timeout=TIMEOUT, ssl_context=ssl.create_default_context(), server_hostname=host,
        assert_hostname=host,
    )  # fmt: skip


def _reason(error: HTTPError) -> str:
    """In a few words, and without the address, which may hold a secret."""
    if isinstance(error, SSLError):
        return f"its certificate or encryption is not in order ({error})"
    if isinstance(error, NewConnectionError):
        return "it takes no connection"
    return "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
