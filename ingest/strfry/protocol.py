"""What strfry says to a plugin and what it expects back (its docs/plugins.md): a JSON object per line each way."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

ADDRESSES = frozenset({"IP4", "IP6"})
_ID = re.compile(rb'"id"\s*:\s*"([0-9a-fA-F]{1,64})"')


class NostrEvent(msgspec.Struct, gc=False):
    """What is read of an event; its content is not."""

    id: str
    kind: int | None = None


class Request(msgspec.Struct, gc=False):
    """A line from strfry. Lines of another type than `new` expect no answer."""

    type: str
    event: msgspec.Raw = msgspec.Raw(b"null")
    source_type: str = msgspec.field(default="", name="sourceType")
    source_info: str = msgspec.field(default="", name="sourceInfo")


class Decision(msgspec.Struct, gc=False, omit_defaults=True):
    """A plugin's answer."""

    id: str
    action: Literal["accept", "reject", "shadowReject"]
    msg: str = ""


class Record(msgspec.Struct, gc=False, omit_defaults=True):
    """What the collector is told: see docs/collector.md."""

    timestamp: float
    event_type: str
    outcome: str
    client_id: str | None = None
    client_address: str | None = None
    error_code: str | None = None
    event_id: str | None = None
    kind: int | None = None
    payload_in: int = 0
    relay: str | None = None
    metadata: dict[str, str] | None = None


_decode_request = msgspec.json.Decoder(Request).decode
_decode_event = msgspec.json.Decoder(NostrEvent).decode
_decode_decision = msgspec.json.Decoder(Decision).decode
encode = msgspec.json.Encoder().encode


def read_request(line: bytes) -> Request | None:
    """None for what cannot be understood."""
    try:
        return _decode_request(line)
    except (ValueError, RecursionError):
        return None


def read_event(request: Request) -> NostrEvent | None:
    """None for what cannot be understood."""
    try:
        return _decode_event(request.event)
    except (ValueError, RecursionError):
        return None


def id_in(line: bytes) -> str:
    """The event id of a line that cannot be understood; empty when there is none."""
    match = _ID.search(line)
    return match[1].decode() if match else ""


def read_decision(line: bytes) -> Decision | None:
    """None for what cannot be understood."""
    try:
        return _decode_decision(line)
    except (ValueError, RecursionError):
        return None


def record_of(request: Request, event: NostrEvent, decision: Decision, now: float, relay: str | None) -> Record:
    """`now`: seconds since the Unix epoch."""
    is_address = request.source_type in ADDRESSES
    rejected = decision.action != "accept"
    shadow = decision.action == "shadowReject"
    return Record(
        now,
        "EVENT",
        "ok" if not rejected else "failed" if decision.msg.startswith("error:") else "rejected",
        None if is_address else f"{request.source_type.lower() or 'unknown'}:{request.source_info}"[:200],
        request.source_info if is_address else None,
        "blocked" if shadow else (decision.msg[:200] or "blocked") if rejected else None,
        event.id if len(event.id) == 64 else None,
        event.kind if event.kind is not None and 0 <= event.kind <= 65535 else None,
        len(bytes(request.event)),
        relay,
        {"reason": "shadowReject"} if shadow else None,
    )
