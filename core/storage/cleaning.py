"""What PostgreSQL would refuse is found before it is sent, so that one bad record never costs a batch.

A record that cannot be told right is refused; a part that cannot be stored is left out. Both are counted in the table
`quarantine` with a reason and a sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from core.metadata import allowed, is_address, without_addresses
from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Connection, Delivery, Event, Refusal, Sample, Waiting

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

    def take(self, refusal: Refusal) -> None:
        """Enter what was refused before."""
        key = (refusal.record, printable(refusal.reason), refusal.refused)
        entry = self.entries.setdefault(key, [0, without_addresses(printable(refusal.sample))[:SAMPLE_LENGTH]])
        entry[0] += refusal.count

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
    if event.app is not None and app_name(event.app) != event.app:
        changes["app"] = app_name(event.app)
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
    if connection.opened_at is not None:
        _check_time("opened_at", connection.opened_at)
    _check_time("closed_at", connection.closed_at)
    _check_client(connection.client)
    _check_integer("connection", connection.connection, -(2**63), 2**63 - 1)
    for name, highest in (("bytes_in", LARGEST_BYTES), ("bytes_out", LARGEST_BYTES), ("events", LARGEST_INT)):
        number = getattr(connection, name)
        if number is not None:
            _check_integer(name, number, 0, highest)
    if not storable(connection.identity, 20):
        raise Refused("identity is out of range")
    changes: dict[str, Any] = {}
    if connection.close_code is not None and not 0 <= connection.close_code <= 65535:
        changes["close_code"] = None
    if connection.app is not None and app_name(connection.app) != connection.app:
        changes["app"] = app_name(connection.app)
    if not changes:
        return connection, []
    return msgspec.structs.replace(connection, **changes), [f"{name} cannot be stored" for name in changes]


def clean_sample(sample: Sample) -> tuple[Sample, list[str]]:
    _check_time("timestamp", sample.timestamp)
    _check_integer("worker", sample.worker, 0, 32767)
    for name in ("active_connections", "peak_connections", "opened", "closed", "events", "pending", "unreachable"):
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
    if any(not _storable_waiting(each) for each in sample.waiting):
        changes["waiting"] = [each for each in sample.waiting if _storable_waiting(each)]
    if not changes:
        return sample, []
    return msgspec.structs.replace(sample, **changes), [f"{name} cannot be stored" for name in changes]


def _storable_waiting(waiting: Waiting) -> bool:
    texts = (waiting.event_type, waiting.client, waiting.app)
    numbers = 0 <= waiting.n <= LARGEST_INT and 0 <= (waiting.kind or 0) <= LARGEST_INT
    return numbers and all(text is None or storable(text, LONGEST_CLIENT) for text in texts)


def storable(text: str, longest: int) -> bool:
    """Whether PostgreSQL can store a text as it is: no NUL, valid Unicode, neither empty nor too long."""
    if not 0 < len(text) <= longest or "\0" in text:
        return False
    return text.isascii() or _encodable(text)


def printable(text: str) -> str:
    """A text without what PostgreSQL cannot store."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


OFF_THE_LIST = "metadata that is not on the list of what is kept"
NOT_STORABLE = "metadata cannot be stored"
MOST_KNOWN_METADATA = 10_000

Encoded = tuple[bytes | None, str | None]
_known_metadata: dict[bytes, Encoded] = {}


def encode_metadata(metadata: dict[str, Any]) -> Encoded:
    """The binary form of the jsonb value of what may be kept (see `core.metadata`), None when nothing is left of it;
    and what is missing, None: nothing.

    Metadata repeats (a client sends the same shapes), so what was found out about a text is remembered.
    """
    try:
        text = encode_json(metadata)
    except (TypeError, ValueError, RecursionError):
        return None, NOT_STORABLE
    return _remembered(text, metadata)


def clean_metadata(text: bytes) -> Encoded:
    """`encode_metadata` of what is JSON already."""
    return _known_metadata.get(text) or _remembered(text, msgspec.json.decode(text))


def _remembered(text: bytes, metadata: dict[str, Any]) -> Encoded:
    found = _known_metadata.get(text)
    if found is None:
        if len(_known_metadata) >= MOST_KNOWN_METADATA:
            _known_metadata.clear()
        found = _known_metadata[text] = _allowed_metadata(metadata)
    return found


def _allowed_metadata(metadata: dict[str, Any]) -> Encoded:
    kept, whole = allowed(metadata)
    cleaned = {name: printable(value) if isinstance(value, str) else value for name, value in kept.items()}
    missing = NOT_STORABLE if cleaned != kept else None if whole else OFF_THE_LIST
    return (b"\x01" + encode_json(cleaned) if cleaned else None), missing


def encode_all_metadata(
    metadata: Sequence[dict[str, Any] | None],
) -> tuple[list[bytes | None], list[tuple[int, str]]]:
    """`encode_metadata` of many, and the places of those of which something is missing, with what."""
    each: list[Encoded] = [(None, None) if not one else encode_metadata(one) for one in metadata]
    return [value for value, _ in each], [(place, why) for place, (_, why) in enumerate(each) if why is not None]


ADDRESS_LIKE = re.compile(r"^[^\S\n]*\[?[0-9A-Fa-f]{0,4}[.:].*", re.MULTILINE)


def any_address(clients: Sequence[str]) -> bool:
    """Whether some of the names is a raw address: asked of all of them at once."""
    together = "\n".join(clients)
    if "." not in together and ":" not in together:
        return False
    return any(map(is_address, ADDRESS_LIKE.findall(together)))


def all_storable(texts: Sequence[str], longest: int) -> bool:
    """Whether each of the texts is `storable`: asked of all of them at once, which costs a tenth."""
    if not texts:
        return True
    lengths = set(map(len, texts))
    together = "".join(texts)
    sizes_fit = min(lengths) > 0 and max(lengths) <= longest
    return sizes_fit and "\0" not in together and (together.isascii() or all(map(_encodable, texts)))


def app_name(text: str) -> str | None:
    """A name from outside as it can be kept: without addresses."""
    name = without_addresses(text)
    return name if storable(name, LONGEST_APP) else printable(name)[:LONGEST_APP] or None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(record: object) -> str:
    """A sample of a record; never its metadata, which may be anything, nor an address."""
    if isinstance(record, Event):
        record = msgspec.structs.replace(record, metadata=None)
    try:
        return without_addresses(repr(record)[: 2 * SAMPLE_LENGTH])[:SAMPLE_LENGTH]
    except (ValueError, RecursionError):  # integers too long to print, structures too deep
        return f"<{type(record).__name__}>"


def _check_time(name: str, value: int) -> None:
    _check_integer(name, value, EARLIEST, LATEST - 1)


def _check_client(client: str) -> None:
    if not storable(client, LONGEST_CLIENT):
        raise Refused("client is no storable text")
    if is_address(client):
        raise Refused("client is a raw address")


def _check_outcome(outcome: str) -> None:
    if outcome not in OUTCOMES:
        raise Refused("outcome is unknown")


def _check_integer(name: str, value: int, lowest: int, highest: int) -> None:
    if not isinstance(value, int):
        raise Refused(f"{name} is no integer")
    if not lowest <= value <= highest:
        raise Refused(f"{name} is out of range")
