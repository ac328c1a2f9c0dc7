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


class Fields(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """One message of a client to the service, and how the service answered: all but its time and metadata. Unknown
    fields are errors, so that a misspelt one is never lost silently."""

    client_id: Annotated[str, Meta(min_length=1, max_length=cleaning.LONGEST_CLIENT)] | None = None
    client_address: Annotated[str, Meta(max_length=100)] | None = None
    event_type: Annotated[str, Meta(min_length=1, max_length=64)] = "OTHER"
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
    id: int | None = None


class Record(Fields, gc=False, forbid_unknown_fields=True):
    timestamp: Instant | None = None
    metadata: dict[str, Any] | None = None


_TYPES = frozenset(EVENT_TYPES)
_CODES = frozenset(ERROR_CODES)
_OUTCOMES = {"error": "failed", "unanswered": "unanswered"}
"""The outcome that an error code means when the record names none; any other code means `rejected`."""


Answer = tuple[str, str | None, str | None]
"""The outcome that an error code means, the code, and the text that it was made of, if it was."""
ANSWERED: Answer = ("ok", None, None)


class Door:
    """Turns the records of one batch into events: what must not come in stays outside.

    `arrival` is in microseconds since the Unix epoch. `name_address` gives the keyed hash of an address.
    """

    def __init__(self, arrival: int, name_address: Callable[[Address], str]) -> None:
        self.arrival = arrival
        self._name_address = name_address
        self._clients: dict[tuple[str, bool], str] = {}
        self._apps: dict[str, str | None] = {}
        self._answers: dict[str | None, Answer] = {None: ANSWERED, "": ANSWERED}
        self.left_out: list[list[str]] = []
        """Of each record that came in without a part of its metadata: the names of that part."""

    def admit(self, record: Record) -> Event:
        """The event of a record. Raises Refused."""
        outcome, code, reason = self.answer(record.error_code)
        event_type = record.event_type
        known_type = event_type in _TYPES
        facts, left_out = self.facts(record.metadata, None if known_type else event_type, reason)
        if record.outcome is not None:
            outcome = record.outcome
        app = record.app
        if record.bytes_transferred is not None and record.bytes_transferred != record.bytes_in + record.bytes_out:
            raise Refused("bytes_transferred is not bytes_in + bytes_out")
        event = Event(
            self._time(record.timestamp),
            self.client(record.client_id, record.client_address),
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
            None if app is None else self.app(app),
            facts,
        )
        if left_out:
            self.left_out.append(left_out)
        return event

    def _time(self, instant: datetime | float | None) -> int:
        if instant is None:
            return self.arrival
        at = int((instant if isinstance(instant, float) else instant.timestamp()) * 1e6 + 0.5)
        if not cleaning.EARLIEST <= at < cleaning.LATEST:
            raise Refused("timestamp is out of range: it is ISO 8601, or seconds since 1970")
        return at

    def client(self, client_id: str | None, client_address: str | None) -> str:
        """The client's name. Raises Refused."""
        given = client_id if client_id is not None else client_address
        if given is None:
            raise Refused("client_id and client_address are both missing")
        key = (given, client_id is None)
        name = self._clients.get(key)
        if name is None:
            name = self._clients[key] = self._named(*key)
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

    def app(self, given: str) -> str | None:
        """The application's name as it is stored."""
        if given not in self._apps:
            self._apps[given] = cleaning.app_name(given)
        return self._apps[given]

    def answer(self, error_code: str | None) -> Answer:
        """What an error code means."""
        answer = self._answers.get(error_code)
        if answer is None:
            answer = self._answers[error_code] = _answer(error_code or "")
        return answer

    @staticmethod
    def facts(
        metadata: dict[str, Any] | None, unknown_type: str | None, reason: str | None
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """The metadata that is stored, and the names of what is not."""
        if metadata is None and unknown_type is None and reason is None:
            return None, []
        facts, whole = allowed(metadata) if metadata else ({}, True)
        left_out = [] if whole or metadata is None else [name for name in metadata if name not in facts]
        if reason is not None:
            facts.setdefault("reason", reason)
        if unknown_type is not None:
            facts["type"] = cleaning.printable(unknown_type)
        return facts or None, left_out


def _answer(given: str) -> Answer:
    reason = None
    if given in _CODES:
        code = given
    else:
        code, reason = reasons.error_code(given), reasons.sample(given)
    if code == reasons.DUPLICATE:
        return "duplicate", None, reason
    return _OUTCOMES.get(code, "rejected"), code, reason


def _event_id(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != 32:  # fromhex takes spaces
        raise Refused("event_id is not 64 hexadecimal digits")
    return value
