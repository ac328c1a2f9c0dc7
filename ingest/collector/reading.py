"""From what a sender wrote to events: all records at once that can be read, one by one when some cannot be taken.

A bad record costs only itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from core.exceptions import BadBatchError, TooLargeError
from core.metadata import without_addresses
from core.records import Event, Refusal
from core.storage.cleaning import Refused, printable, storable
from ingest.collector.columns import columns
from ingest.collector.faults import Bad, read_one, reason_of
from ingest.collector.quick import ALL, Quick, QuickRecord, Reader
from ingest.collector.records import Door, Record

REASONS_SHOWN = 10
"""Records at fault that an answer names."""
MOST_REASONS = 20
"""Different reasons kept of one batch; further ones are counted together."""
OTHER_REASONS = "another reason"
LEFT_OUT = "metadata that is not on the list was left out"

_decode_quick = msgspec.json.Decoder(QuickRecord).decode

LONGEST_HEAD = 256
_BATCH = re.compile(rb'\s*\{\s*"batch"\s*:\s*"([A-Za-z0-9._:/-]{1,100})"\s*,')
"""How a message begins when its id comes first, as it should: the rest need not be read to find it."""


class _RawMessage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    batch: str
    records: list[msgspec.Raw]


class _Id(msgspec.Struct, gc=False):
    batch: str


_decode_id = msgspec.json.Decoder(_Id).decode
_decode_raw_message = msgspec.json.Decoder(_RawMessage).decode


@dataclass(slots=True)
class Taken:
    """What was made of a batch: events by relay, and what was refused."""

    events: dict[str, Sequence[Event]] = field(default_factory=dict)
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


class Body(Protocol):
    """What a sender wrote: its records at once, or one by one."""

    def quick(self, reader: Reader) -> Quick | None:
        """The records when every one can be read, else None."""

    def parts(self) -> Sequence[bytes]:
        """Each record as it was written. Raises BadBatchError when these are no records at all."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A JSON object per line; blank lines do not count."""

    text: bytes

    def quick(self, reader: Reader) -> Quick | None:
        return reader.read(lambda decoders: decoders.lines(self.text))

    def parts(self) -> Sequence[bytes]:
        return [line for line in self.text.split(b"\n") if line.strip()]


@dataclass(frozen=True, slots=True)
class Message:
    """A WebSocket message: a batch under the id that its sender chose."""

    text: bytes | str

    def batch(self) -> str | None:
        """The id; None when there is none."""
        head = _BATCH.match(self.text if isinstance(self.text, bytes) else self.text[:LONGEST_HEAD].encode())
        if head is not None:
            return head[1].decode()
        try:
            return _decode_id(self.text).batch
        except (ValueError, RecursionError):
            return None

    def quick(self, reader: Reader) -> Quick | None:
        return reader.read(lambda decoders: decoders.message(self.text).records)

    def parts(self) -> Sequence[bytes]:
        try:
            return list(map(bytes, _decode_raw_message(self.text).records))
        except (ValueError, RecursionError) as error:
            raise BadBatchError(f'A message is {{"batch": "…", "records": [{{…}}, …]}}. {reason_of(error)}') from error


def take(body: Body, make_door: Callable[[], Door], relay: str, most_records: int, reader: Reader) -> Taken:
    """What is let in of a batch. `relay` is the name of the relay where a record has none; `reader`: of its source.

    Raises BadBatchError, TooLargeError.
    """
    quick = body.quick(reader)
    if quick is not None:
        _check_number(len(quick.records), most_records)
        taken = admit_at_once(quick, make_door(), relay)
        if taken is not None:
            return taken
    parts = body.parts()
    _check_number(len(parts), most_records)
    if quick is None:
        taken = admit_readable(parts, make_door(), relay)
        if taken is not None:
            return taken
    return admit(list(map(read_one, parts)), make_door(), relay)


def _check_number(records: int, most: int) -> None:
    if records > most:
        raise TooLargeError(f"A batch has at most {most} records; this one has {records}.")


def admit_at_once(quick: Quick, door: Door, relay: str) -> Taken | None:
    """The events of a batch as columns; None when some record has to be looked at."""
    taken = Taken(taken=len(quick.records))
    for name, records in quick.by_relay(relay).items():
        events = columns(records, quick.fields, door) if storable(name, 200) else None
        if events is None:
            return None
        taken.events[name] = events
    for names in door.left_out:
        taken.leave_out(names)
    return taken


def admit_readable(parts: Sequence[bytes], door: Door, relay: str) -> Taken | None:
    """As `admit_at_once`, of those that can be read; the others are refused."""
    readable: list[QuickRecord] = []
    refused: list[tuple[int, Bad]] = []
    for place, part in enumerate(parts, 1):
        try:
            readable.append(_decode_quick(part))
        except (ValueError, RecursionError):
            fault = read_one(part)
            if isinstance(fault, Record):
                return None
            refused.append((place, fault))
    taken = admit_at_once(Quick(readable, ALL.fields), door, relay)
    if taken is not None:
        for place, each in refused:
            taken.refuse(place, each.reason, each.sample)
    return taken


def admit(records: Sequence[Record | Bad], door: Door, relay: str) -> Taken:
    """The events of a batch, each record looked at."""
    taken = Taken()
    by_relay: dict[str, list[Event]] = defaultdict(list)
    for place, record in enumerate(records, 1):
        try:
            if isinstance(record, Bad):
                taken.refuse(place, record.reason, record.sample)
            else:
                event = door.admit(record)
                by_relay[relay if record.relay is None else _relay(record.relay)].append(event)
        except Refused as refusal:
            taken.refuse(place, str(refusal))
    for names in door.left_out:
        taken.leave_out(names)
    taken.events = dict(by_relay)
    taken.taken = len(records) - taken.refused
    return taken


def _relay(name: str) -> str:
    if not storable(name, 200):
        raise Refused("relay is no storable text")
    return name
