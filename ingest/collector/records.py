"""The record that senders give to the collector, field by field, and how it becomes an `Event`.

The fields are the columns of our own export of raw events, so that an export can be sent as it is. docs/collector.md
describes them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from core.metadata import allowed, is_address
from core.records import ERROR_CODES, EVENT_TYPES, Event, Outcome
from core.storage import cleaning
from core.storage.cleaning import Refused
from ingest import reasons
from ingest.identity import Address, parse_address

Bytes = Annotated[int, Meta(ge=0, le=cleaning.LARGEST_BYTES)]
Milliseconds = Annotated[float, Meta(ge=0, lt=cleaning.LONGEST_TIME_MS)]
Instant = Annotated[datetime, Meta(tz=True)] | float
"""ISO 8601 with its offset from UTC, or seconds since the Unix epoch."""
Text = Annotated[str, Meta(max_length=200)]


class Record(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One message of a client to the service, and how the service answered. Unknown fields are errors, so that a
    misspelt one is never lost silently."""

    client_id: Annotated[str, Meta(min_length=1, max_length=cleaning.LONGEST_CLIENT)] | None = None
    client_address: Annotated[str, Meta(max_length=100)] | None = None
    event_type: Annotated[str, Meta(min_length=1, max_length=64)] = "OTHER"
    timestamp: Instant | None = None
    outcome: Outcome | None = None
    error_code: Text | None = None
    response_time_ms: Milliseconds | None = None
    first_event_ms: Milliseconds | None = None
    bytes_in: Bytes = 0
    bytes_out: Bytes = 0
    payload_in: Bytes = 0
    payload_out: Bytes = 0
    bytes_transferred: Bytes | None = None
    events_out: Annotated[int, Meta(ge=0, le=cleaning.LARGEST_INT)] = 0
    kind: Annotated[int, Meta(ge=0, le=65535)] | None = None
    event_id: Annotated[str, Meta(min_length=64, max_length=64)] | None = None
    connection: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] = 0
    app: Text | None = None
    relay: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    metadata: dict[str, Any] | None = None
    id: int | None = None


_TYPES = frozenset(EVENT_TYPES)
_CODES = frozenset(ERROR_CODES)
_OUTCOMES = {"error": "failed", "unanswered": "unanswered"}
"""The outcome that an error code means when the record names none; any other code means `rejected`."""


class Door:
    """Turns the records of one batch into events: what must not come in stays outside.

    `arrival` is in microseconds since the Unix epoch. `name_address` gives the keyed hash of an address.
    """

    def __init__(self, arrival: int, name_address: Callable[[Address], str]) -> None:
        self._arrival = arrival
        self._name_address = name_address
        self._clients: dict[str, str] = {}
        self._apps: dict[str, str | None] = {}
        self.left_out: list[list[str]] = []
        """Of each record that came in without a part of its metadata: the names of that part."""

    def admit(self, record: Record) -> Event:
        """The event of a record. Raises Refused."""
        outcome, code, reason = ("ok", None, None) if record.error_code is None else _answer(record)
        event_type = record.event_type
        known_type = event_type in _TYPES
        if record.metadata is None and reason is None and known_type:
            facts: dict[str, Any] | None = None
            left_out: list[str] | None = None
        else:
            facts, left_out = _facts(record, reason, known_type)
        if record.outcome is not None:
            outcome = record.outcome
        app = record.app
        if record.bytes_transferred is not None and record.bytes_transferred != record.bytes_in + record.bytes_out:
            raise Refused("bytes_transferred is not bytes_in + bytes_out")
        event = Event(
            self._time(record.timestamp),
            self._client(record),
            event_type if known_type else "OTHER",
            outcome,
            code,
            record.response_time_ms,
            record.first_event_ms,
            record.bytes_in,
            record.bytes_out,
            record.payload_in,
            record.payload_out,
            record.events_out,
            record.kind,
            None if record.event_id is None else _event_id(record.event_id),
            record.connection,
            None if app is None else self._app(app),
            facts,
        )
        if left_out:
            self.left_out.append(left_out)
        return event

    def _time(self, instant: datetime | float | None) -> int:
        if instant is None:
            return self._arrival
        at = int((instant if isinstance(instant, float) else instant.timestamp()) * 1e6 + 0.5)
        if not cleaning.EARLIEST <= at < cleaning.LATEST:
            raise Refused("timestamp is out of range: it is ISO 8601, or seconds since 1970")
        return at

    def _client(self, record: Record) -> str:
        given = record.client_id if record.client_id is not None else record.client_address
        if given is None:
            raise Refused("client_id and client_address are both missing")
        name = self._clients.get(given)
        if name is None:
            name = self._clients[given] = self._named(given, record.client_id is None)
        return name

    def _named(self, given: str, address: bool) -> str:
        """An address is hashed, also one that was given as the client's id."""
        if address or ((":" in given or "." in given) and is_address(given)):
            parsed = parse_address(given)
            if parsed is None:
                raise Refused("client_address is no IP address")
            return self._name_address(parsed)
        if not cleaning.storable(given, cleaning.LONGEST_CLIENT):
            raise Refused("client_id is no storable text")
        return given

    def _app(self, given: str) -> str | None:
        if given not in self._apps:
            self._apps[given] = cleaning.app_name(given)
        return self._apps[given]


def _answer(record: Record) -> tuple[str, str | None, str | None]:
    """The outcome that an error code means, the code, and the text that it was made of, if it was."""
    given = record.error_code
    if not given:
        return "ok", None, None
    reason = None
    if given in _CODES:
        code = given
    else:
        code, reason = reasons.error_code(given), reasons.sample(given)
    if code == reasons.DUPLICATE:
        return "duplicate", None, reason
    return _OUTCOMES.get(code, "rejected"), code, reason


def _facts(record: Record, reason: str | None, known_type: bool) -> tuple[dict[str, Any] | None, list[str]]:
    """The metadata that is stored, and the names of what is not."""
    given = record.metadata
    facts, whole = allowed(given) if given else ({}, True)
    left_out = [] if whole or given is None else [name for name in given if name not in facts]
    if reason is not None:
        facts.setdefault("reason", reason)
    if not known_type:
        facts["type"] = cleaning.printable(record.event_type)
    return facts or None, left_out


def _event_id(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:  # fromhex takes spaces
        raise Refused("event_id is not 64 hexadecimal digits")
    return value
