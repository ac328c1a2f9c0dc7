"""What PostgreSQL would refuse is found before it is sent, so that one bad record never costs a batch.

A record that cannot be told right is refused; a part that cannot be stored is left out. Both are counted in the table
`quarantine` with a reason and a sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Connection, Delivery, Event, Sample

EARLIEST = 946_684_800_000_000
"""2000-01-01 UTC in microseconds: an earlier timestamp is an error."""
LATEST = 4_102_444_800_000_000
"""2100-01-01 UTC."""
LARGEST_BYTES = 2**53
LARGEST_INT = 2**31 - 1
LONGEST_CLIENT = 200
LONGEST_APP = 200
LONGEST_TIME_MS = 1e9
SAMPLE_LENGTH = 500

encode_json = msgspec.json.Encoder().encode

Record = TypeVar("Record", Event, Delivery, Connection, Sample)


class Refused(Exception):
    """This record cannot be stored."""


@dataclass
class Quarantine:
    """What was refused or left out of a batch: (record, reason, refused) → [count, first sample]."""

    entries: dict[tuple[str, str, bool], list[Any]] = field(default_factory=dict)

    def add(self, record: object, reason: str, *, refused: bool) -> None:
        key = (type(record).__name__.lower(), reason, refused)
        if key in self.entries:
            self.entries[key][0] += 1
        else:
            self.entries[key] = [1, printable(_shown(record))]

    @property
    def refused(self) -> int:
        return sum(entry[0] for key, entry in self.entries.items() if key[2])


def clean_records(records: Iterable[Record], clean: Callable[[Record], tuple[Record, list[str]]],
                  quarantine: Quarantine) -> list[Record]:  # fmt: skip
    """The records that can be stored, with what could not be stored left out of them."""
    kept = []
    for record in records:
        try:
            cleaned, reasons = clean(record)
        except Refused as refusal:
            quarantine.add(record, str(refusal), refused=True)
        except (TypeError, ValueError, AttributeError):
            quarantine.add(record, "a value of the wrong type", refused=True)
        else:
            for reason in reasons:
                quarantine.add(record, reason, refused=False)
            kept.append(cleaned)
    return kept


def clean_event(event: Event) -> tuple[Event, list[str]]:
    _check_time("timestamp", event.timestamp)
    _check_client(event.client)
    _check_outcome(event.outcome)
    _check_integer("connection", event.connection, -(2**63), 2**63 - 1)
    for name in ("bytes_in", "bytes_out", "payload_in", "payload_out"):
        _check_integer(name, getattr(event, name), 0, LARGEST_BYTES)
    _check_integer("events_out", event.events_out, 0, LARGEST_INT)
    changes: dict[str, Any] = {}
    if event.event_type not in EVENT_TYPES:
        changes["event_type"] = "OTHER"
    if event.error_code is not None and event.error_code not in ERROR_CODES:
        changes["error_code"] = "other"
    for name in ("response_time_ms", "first_event_ms"):
        time = getattr(event, name)
        if time is not None and not (math.isfinite(time) and 0 <= time < LONGEST_TIME_MS):
            changes[name] = None
    if event.kind is not None and not 0 <= event.kind <= 65535:
        changes["kind"] = None
    if event.event_id is not None and len(event.event_id) != 32:
        changes["event_id"] = None
    if event.app is not None and not storable(event.app, LONGEST_APP):
        changes["app"] = printable(event.app)[:LONGEST_APP] or None
    if not changes:
        return event, []
    return msgspec.structs.replace(event, **changes), [f"{name} cannot be stored" for name in changes]


def clean_delivery(delivery: Delivery) -> tuple[Delivery, list[str]]:
    _check_time("timestamp", delivery.timestamp)
    _check_client(delivery.client)
    _check_integer("connection", delivery.connection, -(2**63), 2**63 - 1)
    for name in ("events_out", "bytes_in", "bytes_out", "payload_in", "payload_out"):
        _check_integer(name, getattr(delivery, name), 0, LARGEST_BYTES)
    _check_integer("notices", delivery.notices, 0, LARGEST_INT)
    return delivery, []


def clean_connection(connection: Connection) -> tuple[Connection, list[str]]:
    _check_time("opened_at", connection.opened_at)
    _check_time("closed_at", connection.closed_at)
    _check_client(connection.client)
    _check_integer("connection", connection.connection, -(2**63), 2**63 - 1)
    for name in ("bytes_in", "bytes_out"):
        _check_integer(name, getattr(connection, name), 0, LARGEST_BYTES)
    _check_integer("events", connection.events, 0, LARGEST_INT)
    if not storable(connection.identity, 20):
        raise Refused("identity is out of range")
    changes: dict[str, Any] = {}
    if connection.close_code is not None and not 0 <= connection.close_code <= 65535:
        changes["close_code"] = None
    if connection.app is not None and not storable(connection.app, LONGEST_APP):
        changes["app"] = printable(connection.app)[:LONGEST_APP] or None
    if not changes:
        return connection, []
    return msgspec.structs.replace(connection, **changes), [f"{name} cannot be stored" for name in changes]


def clean_sample(sample: Sample) -> tuple[Sample, list[str]]:
    _check_time("timestamp", sample.timestamp)
    _check_integer("worker", sample.worker, 0, 32767)
    for name in ("active_connections", "peak_connections", "opened", "closed", "events", "pending"):
        _check_integer(name, getattr(sample, name), 0, LARGEST_INT)
    for name in ("frames_out", "bytes_in", "bytes_out", "dropped"):
        _check_integer(name, getattr(sample, name), 0, LARGEST_BYTES)
    changes: dict[str, Any] = {}
    for name in ("cpu_percent", "memory_percent", "disk_percent"):
        percent = getattr(sample, name)
        if percent is not None and not 0 <= percent <= 1e6:
            changes[name] = None
    for name in ("memory_bytes", "disk_bytes"):
        size = getattr(sample, name)
        if size is not None and not 0 <= size <= LARGEST_BYTES:
            changes[name] = None
    if not changes:
        return sample, []
    return msgspec.structs.replace(sample, **changes), [f"{name} cannot be stored" for name in changes]


def storable(text: str, longest: int) -> bool:
    """Whether PostgreSQL can store a text as it is: no NUL, valid Unicode, neither empty nor too long."""
    if not 0 < len(text) <= longest or "\0" in text:
        return False
    return text.isascii() or _encodable(text)


def printable(text: str) -> str:
    """A text without what PostgreSQL cannot store."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def encode_metadata(metadata: dict[str, Any]) -> tuple[bytes | None, bool]:
    """The binary form of a jsonb value, and whether it is all there; None when it cannot be stored."""
    try:
        text = encode_json(metadata)
        if b"\\u0000" not in text:
            return b"\x01" + text, True
        return b"\x01" + encode_json(_scrubbed(metadata)), False
    except (TypeError, ValueError, RecursionError):
        return None, False


def encode_all_metadata(metadata: Sequence[dict[str, Any] | None]) -> tuple[list[bytes | None], list[int]]:
    """`encode_metadata` of many, and the places of those that are not all there."""
    try:
        encoded = [None if one is None else b"\x01" + encode_json(one) for one in metadata]
        if b"\\u0000" not in b"".join(filter(None, encoded)):
            return encoded, []
    except (TypeError, ValueError, RecursionError):
        pass
    each = [(None, True) if one is None else encode_metadata(one) for one in metadata]
    return [value for value, _ in each], [place for place, (_, whole) in enumerate(each) if not whole]


def all_storable(texts: Sequence[str], longest: int) -> bool:
    """Whether each of the texts is `storable`: asked of all of them at once, which costs a tenth."""
    if not texts:
        return True
    lengths = set(map(len, texts))
    together = "".join(texts)
    sizes_fit = min(lengths) > 0 and max(lengths) <= longest
    return sizes_fit and "\0" not in together and (together.isascii() or all(map(_encodable, texts)))


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(name)): _scrubbed(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(part) for part in value]
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(record: object) -> str:
    try:
        return repr(record)[:SAMPLE_LENGTH]
    except (ValueError, RecursionError):  # integers too long to print, structures too deep
        return f"<{type(record).__name__}>"


def _check_time(name: str, value: int) -> None:
    _check_integer(name, value, EARLIEST, LATEST - 1)


def _check_client(client: str) -> None:
    if not storable(client, LONGEST_CLIENT):
        raise Refused("client is no storable text")


def _check_outcome(outcome: str) -> None:
    if outcome not in OUTCOMES:
        raise Refused("outcome is unknown")


def _check_integer(name: str, value: int, lowest: int, highest: int) -> None:
    if not isinstance(value, int):
        raise Refused(f"{name} is no integer")
    if not lowest <= value <= highest:
        raise Refused(f"{name} is out of range")
