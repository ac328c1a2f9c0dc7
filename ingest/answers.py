"""What a relay's message says. Told apart by its head alone: there are ten times as many as client messages.

The body of a relay's EVENT is never parsed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from msgspec import Struct


class Head(NamedTuple):
    """Verb and first argument of a relay's message. The argument is None when it is no string. Whatever begins with the
    same bytes as `raw` has the same head, if there is an argument."""

    verb: str
    argument: str | None
    raw: bytes


_HEAD = re.compile(rb'\s*\[\s*"([A-Z][A-Z-]{1,15})"\s*(?:,\s*"([^"\\]*(?:\\.[^"\\]*)*)")?', re.DOTALL)
_decode_string = msgspec.json.Decoder(str).decode
UNREADABLE = Head("", None, b"")


def read_head(payload: bytes) -> Head:
    """Verb and id of a relay's message, `UNREADABLE` for what has none."""
    match = _HEAD.match(payload)
    if match is None:
        return UNREADABLE
    verb, argument = match.groups()
    if argument is None:
        return Head(verb.decode(), None, match[0])
    try:
        text = _decode_string(b'"' + argument + b'"') if b"\\" in argument else argument.decode()
    except ValueError:
        return Head(verb.decode(), None, match[0])
    return Head(verb.decode(), text, match[0])


class Answer(Struct, array_like=True, gc=False):
    """`["OK", id, accepted, reason]`"""

    verb: str
    id: str
    accepted: bool
    reason: str = ""


class Refusal(Struct, array_like=True, gc=False):
    """`["CLOSED", sub, reason]`, `["NEG-ERR", sub, reason]`"""

    verb: str
    sub: str
    reason: str = ""


class End(Struct, array_like=True, gc=False):
    """`["EOSE", sub]`"""

    verb: str
    sub: str


OK_BEGINS = b'["OK"'
EOSE_BEGINS = b'["EOSE"'
"""How nearly every one is written."""
_decode_answer = msgspec.json.Decoder(Answer).decode
_decode_end = msgspec.json.Decoder(End).decode
_decode_refusal = msgspec.json.Decoder(Refusal).decode


def read_answer(payload: bytes) -> Answer | None:
    """An OK; None when it is malformed."""
    try:
        return _decode_answer(payload)
    except (ValueError, RecursionError):
        return None


def read_ended(payload: bytes) -> str | None:
    """The subscription of an EOSE; None when it is malformed. Takes a third of what `read_head` does."""
    try:
        return _decode_end(payload).sub
    except (ValueError, RecursionError):
        return None


def read_reason(payload: bytes) -> str:
    """The text of a CLOSED or NEG-ERR; empty when there is none."""
    try:
        return _decode_refusal(payload).reason
    except (ValueError, RecursionError):
        return ""
