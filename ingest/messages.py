"""What a client's message says, as far as the tap wants to know: verbs, ids and kinds, never content.

Parsed strictly (msgspec); what does not parse is `OTHER`, never an exception.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

Kind = Annotated[int, Meta(ge=0, le=65535)]


class NostrEvent(Struct, gc=False):
    """The part of an event that is read: never its content."""

    id: str
    kind: Kind
    pubkey: str = ""
    tags: Raw = Raw(b"")


class EventMessage(Struct, array_like=True, tag="EVENT", gc=False):
    event: NostrEvent


class AuthMessage(Struct, array_like=True, tag="AUTH", gc=False):
    event: NostrEvent


class ReqMessage(Struct, array_like=True, tag="REQ", gc=False):
    sub: str


class CountMessage(Struct, array_like=True, tag="COUNT", gc=False):
    sub: str


class CloseMessage(Struct, array_like=True, tag="CLOSE", gc=False):
    sub: str


class NegOpenMessage(Struct, array_like=True, tag="NEG-OPEN", gc=False):
    sub: str


class NegMsgMessage(Struct, array_like=True, tag="NEG-MSG", gc=False):
    sub: str


class NegCloseMessage(Struct, array_like=True, tag="NEG-CLOSE", gc=False):
    sub: str


class Other:
    """A message that is none of the known verbs, or malformed."""


ClientMessage = (
    EventMessage
    | AuthMessage
    | ReqMessage
    | CountMessage
    | CloseMessage
    | NegOpenMessage
    | NegMsgMessage
    | NegCloseMessage
)
OTHER = Other()
HEX_64 = re.compile(r"[0-9a-f]{64}")

_decode_client: Callable[[bytes], ClientMessage] = msgspec.json.Decoder(ClientMessage).decode
_decode_tags = msgspec.json.Decoder(list[list[Any]]).decode


def read_client_message(payload: bytes) -> ClientMessage | Other:
    """The message, or `OTHER` for whatever is not one."""
    try:
        return _decode_client(payload)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return OTHER


def id_bytes(text: str) -> bytes | None:
    """The 32 bytes of an event's id; None when it is not one."""
    try:
        read = unhexlify(text)
    except ValueError:
        return None
    return read if len(read) == 32 and read.hex() == text else None


def client_tag(event: NostrEvent) -> str | None:
    """The application named by the event's `client` tag (NIP-89)."""
    if b'"client"' not in bytes(event.tags):
        return None
    try:
        for tag in _decode_tags(event.tags):
            if len(tag) > 1 and tag[0] == "client" and isinstance(tag[1], str):
                return tag[1]
    except (ValueError, RecursionError):
        pass
    return None
