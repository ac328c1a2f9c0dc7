"""From what a sender wrote to events: all records at once when they are well, one by one when some are not.

A bad record costs only itself. What is kept of it is the reason and the value at fault, never an address or content.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.exceptions import BadBatchError
from core.metadata import without_addresses
from core.records import Event, Refusal
from core.storage.cleaning import Refused, printable, storable
from ingest.collector.records import Door, Record

REASONS_SHOWN = 10
"""Records at fault that an answer names."""
MOST_REASONS = 20
"""Different reasons kept of one batch; further ones are counted together."""
OTHER_REASONS = "another reason"
LEFT_OUT = "metadata that is not on the list was left out"

_decode_line = msgspec.json.Decoder(Record).decode
_decode_lines = msgspec.json.Decoder(Record).decode_lines
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode

_AT = re.compile(r"(.*) - at `(?:key in )?\$\.?([^`]*)`", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_HIDDEN = frozenset({"client_id", "client_address", "metadata", "app", "relay"})
"""Fields whose values may name a person or hold content: no sample of them is kept."""


class Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A WebSocket message: a batch under the id that its sender chose."""

    batch: str
    records: list[Record]


class _RawMessage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    batch: str
    records: list[msgspec.Raw]


class _Id(msgspec.Struct, gc=False):
    batch: str


_decode_id = msgspec.json.Decoder(_Id).decode
_decode_message = msgspec.json.Decoder(Message).decode
_decode_raw_message = msgspec.json.Decoder(_RawMessage).decode


@dataclass(slots=True)
class Bad:
    """A record that cannot be read."""

    reason: str
    sample: str = ""


@dataclass(slots=True)
class Taken:
    """What was made of a batch: events by relay, and what was refused."""

    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    refusals: dict[tuple[str, bool], Refusal] = field(default_factory=dict)
    reasons: list[tuple[int, str]] = field(default_factory=list)
    """The first records at fault, counted from 1, and why."""
    taken: int = 0
    refused: int = 0

    def refuse(self, place: int, reason: str, sample: str = "") -> None:
        self.refused += 1
        if len(self.reasons) < REASONS_SHOWN:
            self.reasons.append((place, reason))
        self._note(reason, sample, refused=True)

    def leave_out(self, names: Sequence[str]) -> None:
        """A record came in without a part of its metadata."""
        self._note(LEFT_OUT, without_addresses(", ".join(names)[:200]), refused=False)

    def _note(self, reason: str, sample: str, *, refused: bool) -> None:
        key = (reason, refused)
        if key not in self.refusals and len(self.refusals) >= MOST_REASONS:
            key = (OTHER_REASONS, refused)
        if key in self.refusals:
            self.refusals[key].count += 1
        else:
            self.refusals[key] = Refusal("event", key[0], refused, 1, printable(sample))


def read_lines(body: bytes) -> list[Record | Bad]:
    """The records of a text with a JSON object per line; blank lines do not count."""
    try:
        return list(_decode_lines(body))
    except (ValueError, RecursionError):
        return [_read_one(line) for line in body.split(b"\n") if line.strip()]


def read_id(message: bytes | str) -> str | None:
    """The id of the batch in a WebSocket message; None when there is none."""
    try:
        return _decode_id(message).batch
    except (ValueError, RecursionError):
        return None


def read_message(message: bytes | str) -> tuple[str, list[Record | Bad]]:
    """The id and the records of a WebSocket message. Raises BadBatchError when it is none."""
    try:
        whole = _decode_message(message)
        return whole.batch, list(whole.records)
    except (ValueError, RecursionError):
        pass
    try:
        parts = _decode_raw_message(message)
        return parts.batch, [_read_one(bytes(part)) for part in parts.records]
    except (ValueError, RecursionError) as error:
        raise BadBatchError(f'A message is {{"batch": "…", "records": [{{…}}, …]}}. {_reason(error)}') from error


def admit(records: Sequence[Record | Bad], door: Door, relay: str) -> Taken:
    """The events of a batch. `relay` is the name of the relay where a record has none."""
    taken = Taken()
    unnamed = taken.events[relay]
    for place, record in enumerate(records, 1):
        try:
            if isinstance(record, Bad):
                taken.refuse(place, record.reason, record.sample)
            elif record.relay is None:
                unnamed.append(door.admit(record))
            else:
                taken.events[_relay(record.relay)].append(door.admit(record))
        except Refused as refusal:
            taken.refuse(place, str(refusal))
    for names in door.left_out:
        taken.leave_out(names)
    taken.events = {name: events for name, events in taken.events.items() if events}
    taken.taken = len(records) - taken.refused
    return taken


def _relay(name: str) -> str:
    if not storable(name, 200):
        raise Refused("relay is no storable text")
    return name


def _read_one(text: bytes) -> Record | Bad:
    try:
        return _decode_line(text)
    except msgspec.ValidationError as error:
        return Bad(_reason(error), _sample(text, error))
    except (ValueError, RecursionError) as error:
        return Bad(_reason(error))


def _reason(error: Exception) -> str:
    """What is wrong, without the value itself: reasons are few, and addresses are in none."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not valid UTF-8"
    text = str(error)
    place = _AT.fullmatch(text)
    if place is None:
        unknown = _UNKNOWN_FIELD.fullmatch(text)
        text = f"unknown field {unknown[1][:40]!r}" if unknown else text
        return without_addresses(text[:200]).replace("`", "")
    what, where = place[1], place[2].split("[")[0].split(".")[0]
    if what.startswith("Invalid enum value"):
        what = "unknown value"
    elif what.startswith("Object contains unknown field"):
        what = "unknown field"
    return f"{where[:40]}: {what[:1].lower()}{what[1:200]}".replace("`", "")


def _sample(text: bytes, error: msgspec.ValidationError) -> str:
    """The value at fault as JSON, where it can be shown."""
    place = _AT.fullmatch(str(error))
    name = place[2].split("[")[0].split(".")[0] if place else ""
    if not name or name in _HIDDEN:
        return ""
    try:
        value = msgspec.json.encode(_decode_fields(text).get(name)).decode()
    except (ValueError, RecursionError):
        return ""
    return without_addresses(f"{name}: {value[:100]}")
