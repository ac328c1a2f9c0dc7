"""Batches as bytes: what waits in a spool.

Events are kept as columns: the writer then joins arrays instead of taking a million objects apart. What columns cannot
tell (a kind past 64 bits, metadata nested without end) is kept as records, as all batches were before.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Batch, decode_batch, encode_batch
from core.storage.event_columns import INTEGERS, Array, EventColumns, transpose
from core.storage.narrow import Narrow, narrow, widen

MARK = b"\xc1\x02"
"""Begins a payload with columns: no MessagePack value begins with this byte. The second one is the version."""
EARLIER = b"\xc1\x01"
"""Of a version that kept all columns in their full width."""


class Packed(msgspec.Struct, array_like=True):
    """The columns of events. Types, outcomes and codes are places in the lists kept beside them, so that a later
    version may have longer ones."""

    size: int
    clients: list[str]
    apps: list[str]
    event_types: list[str]
    outcomes: list[str]
    error_codes: list[str]
    columns: list[Narrow | bytes]  # bytes: of the earlier version
    event_ids: bytes  # of those events that have one
    metadata: list[bytes | None] | None


class Payload(msgspec.Struct, array_like=True):
    batch: Batch  # without its events
    events: Packed


WIRE: tuple[tuple[str, str], ...] = (
    ("timestamp", "<i8"), ("client", "<u4"), ("event_type", "|u1"), ("outcome", "|u1"), ("error_code", "|u1"),
    ("response_time_ms", "<f8"), ("first_event_ms", "<f8"), *((name, "<i8") for name in (*INTEGERS, "connection")),
    ("kind", "<i8"), ("has_id", "|b1"), ("app", "<i4"),
)  # fmt: skip
"""The columns in their order, and how the earlier version kept each."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Payload).decode


def encode_payload(batch: Batch) -> bytes:
    """Raises msgspec.EncodeError, or what a value raises that cannot be told at all."""
    events = batch.events if isinstance(batch.events, EventColumns) else transpose(batch.events)
    if events is None:
        return encode_batch(batch)
    without = msgspec.structs.replace(batch, events=[])
    return MARK + _encode(Payload(without, _packed(events)))


def decode_payload(payload: bytes) -> Batch:
    """Raises msgspec.DecodeError when these bytes are no batch."""
    if not payload.startswith((MARK, EARLIER)):
        return decode_batch(payload)
    found = _decode(memoryview(payload)[len(MARK) :])
    try:
        found.batch.events = _unpacked(found.events)
    except (ValueError, LookupError, OverflowError, TypeError) as error:
        raise msgspec.DecodeError(f"columns that do not fit: {error}") from error
    return found.batch


def _packed(events: EventColumns) -> Packed:
    columns: list[Narrow | bytes] = []
    for name, _ in WIRE:
        columns.append(narrow(events.integers[name] if name in events.integers else getattr(events, name)))
    return Packed(
        len(events), list(events.clients), list(events.apps), list(EVENT_TYPES), list(OUTCOMES), list(ERROR_CODES),
        columns, events.event_id[events.has_id].tobytes(), None if events.metadata is None else list(events.metadata),
    )  # fmt: skip


def _unpacked(packed: Packed) -> EventColumns:
    found: dict[str, Array] = {}
    for (name, wire), column in zip(WIRE, packed.columns, strict=True):
        values = widen(Narrow(wire, column) if isinstance(column, bytes) else column, packed.size)
        found[name] = values.astype(wire if wire in ("|u1", "|b1", "<f8") else np.int64, casting="safe", copy=False)
    for name, names in (("client", packed.clients), ("app", packed.apps)):
        if packed.size and found[name].max() >= len(names):
            raise ValueError(f"{name} without a name")
    if packed.metadata is not None and len(packed.metadata) != packed.size:
        raise ValueError("metadata of other events")
    event_id = np.zeros(packed.size, dtype="V32")
    event_id[found["has_id"]] = np.frombuffer(packed.event_ids, dtype="V32")
    lists: tuple[tuple[str, list[Any], list[Any]], ...] = (
        ("event_type", packed.event_types, list(EVENT_TYPES)),
        ("outcome", packed.outcomes, list(OUTCOMES)),
        ("error_code", [None, *packed.error_codes], [None, *ERROR_CODES]),
    )
    for name, theirs, ours in lists:
        if theirs != ours:
            found[name] = np.array([ours.index(one) for one in theirs], dtype=np.uint8)[found[name]]
        elif packed.size and found[name].max() >= len(ours):
            raise ValueError(f"{name} without a name")
    integers = {name: found.pop(name) for name in (*INTEGERS, "connection")}
    return EventColumns(
        clients={name: place for place, name in enumerate(packed.clients)},
        apps={name: place for place, name in enumerate(packed.apps)},
        integers=integers, event_id=event_id, metadata=packed.metadata, **found,
    )  # fmt: skip
