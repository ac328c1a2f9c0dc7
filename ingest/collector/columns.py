"""Records that are all well become columns at once: the events that `Door.admit` makes of each, at a third of the cost.

What only looking at one record can tell (why it is refused) is left to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.storage import cleaning
from core.storage.cleaning import Refused
from core.storage.event_columns import PLACE_OF_ERROR, PLACE_OF_OUTCOME, PLACE_OF_TYPE, EventColumns, Places, places
from ingest.collector.records import NULL, Door, QuickRecord

Array = NDArray[Any]
OTHER = PLACE_OF_TYPE["OTHER"]
OK = PLACE_OF_OUTCOME["ok"]
_decode_metadata = msgspec.json.Decoder(dict[str, Any] | None).decode


def columns(records: Sequence[QuickRecord], door: Door) -> EventColumns | None:
    """The events of one relay's records, of which there is at least one; None when one of them cannot be taken.

    What the door leaves out of their metadata is in its `left_out`.
    """
    try:
        return _columns(records, door)
    except (Refused, ValueError, OverflowError, RecursionError):
        return None


def _columns(records: Sequence[QuickRecord], door: Door) -> EventColumns | None:
    clients, client = _clients(records, door)
    bytes_in = _integers([record.bytes_in for record in records])
    bytes_out = _integers([record.bytes_out for record in records])
    outcome, error_code, reasons = _answers(records, door)
    apps, app = _apps(records, door)
    event_id, has_id = _event_ids([record.event_id for record in records])
    given = [record.bytes_transferred for record in records]
    if given.count(None) < len(given):
        sums = (bytes_in + bytes_out).tolist()
        if any(total is not None and total != known for total, known in zip(given, sums, strict=True)):
            return None
    return EventColumns(
        timestamp=_times(records, door),
        clients=clients,
        client=client,
        event_type=_bytes([PLACE_OF_TYPE.get(record.event_type, OTHER) for record in records]),
        outcome=outcome,
        error_code=error_code,
        response_time_ms=_milliseconds([record.response_time_ms for record in records]),
        first_event_ms=_milliseconds([record.first_event_ms for record in records]),
        integers={
            "bytes_in": bytes_in,
            "bytes_out": bytes_out,
            "payload_in": _integers([record.payload_in for record in records]),
            "payload_out": _integers([record.payload_out for record in records]),
            "events_out": _integers([record.events_out for record in records]),
            "connection": _integers([record.connection for record in records]),
        },
        kind=_kinds([record.kind for record in records]),
        event_id=event_id,
        has_id=has_id,
        apps=apps,
        app=app,
        metadata=_metadata(records, reasons, door),
    )


def _clients(records: Sequence[QuickRecord], door: Door) -> tuple[Places, Array]:
    given = places()
    ids = [record.client_id for record in records]
    if None in ids:
        ids = [door.client(record.client_id, record.client_address) for record in records]
        return given, _integers([given[name] for name in ids if name is not None])
    places_given = _integers([given[name] for name in ids if name is not None])
    clients = places()
    return clients, _integers([clients[door.client(name, None)] for name in given])[places_given]


def _times(records: Sequence[QuickRecord], door: Door) -> Array:
    """Microseconds since the Unix epoch. Raises Refused."""
    instants = [record.timestamp for record in records]
    if instants.count(None) == len(instants):
        return np.full(len(instants), door.arrival, dtype=np.int64)
    seconds = [
        0.0 if instant is None else instant if isinstance(instant, float) else instant.timestamp()
        for instant in instants
    ]
    micros = np.array(seconds, dtype=np.float64) * 1e6 + 0.5
    if None in instants:
        absent = np.array([instant is None for instant in instants])
        micros[absent] = cleaning.EARLIEST
    if not (micros.min() >= cleaning.EARLIEST and micros.max() < cleaning.LATEST):
        raise Refused("timestamp is out of range")
    times = micros.astype(np.int64)
    if None in instants:
        times[absent] = door.arrival
    return times


def _answers(records: Sequence[QuickRecord], door: Door) -> tuple[Array, Array, list[str | None] | None]:
    """Outcomes, error codes, and the texts that codes were made of; None when none was."""
    codes = [record.error_code for record in records]
    outcomes = [record.outcome for record in records]
    if codes.count(None) == len(codes):
        made = [OK if outcome is None else PLACE_OF_OUTCOME[outcome] for outcome in outcomes]
        return _bytes(made), np.zeros(len(codes), dtype=np.uint8), None
    answers = [door.answer(code) for code in codes]
    made = [
        PLACE_OF_OUTCOME[answer[0] if outcome is None else outcome]
        for answer, outcome in zip(answers, outcomes, strict=True)
    ]
    return _bytes(made), _bytes([PLACE_OF_ERROR[answer[1]] for answer in answers]), [answer[2] for answer in answers]


def _metadata(
    records: Sequence[QuickRecord], reasons: list[str | None] | None, door: Door
) -> list[bytes | None] | None:
    """What is stored of it, as JSON: records that say the same are looked at once."""
    given = [record.metadata for record in records]
    unknown = [None if record.event_type in PLACE_OF_TYPE else record.event_type for record in records]
    if reasons is None:
        reasons = [None] * len(records)
    if given.count(NULL) == unknown.count(None) == reasons.count(None) == len(records):
        return None
    known: dict[tuple[bytes, str | None, str | None], tuple[bytes | None, list[str]]] = {}
    kept: list[bytes | None] = []
    for key in zip(map(bytes, given), unknown, reasons, strict=True):
        found = known.get(key)
        if found is None:
            facts, left_out = door.facts(_decode_metadata(key[0]), key[1], key[2])
            found = known[key] = None if facts is None else cleaning.encode_json(facts), left_out
        kept.append(found[0])
        if found[1]:
            door.left_out.append(found[1])
    return kept


def _apps(records: Sequence[QuickRecord], door: Door) -> tuple[Places, Array]:
    apps = places()
    given = [record.app for record in records]
    if given.count(None) == len(given):
        return apps, np.full(len(given), -1, dtype=np.int64)
    names = [None if name is None else door.app(name) for name in given]
    return apps, _integers([-1 if name is None else apps[name] for name in names])


def _event_ids(given: list[str | None]) -> tuple[Array, Array]:
    """32 bytes each, and whether there are any. Raises ValueError when one is not hexadecimal."""
    has_id = np.array([text is not None for text in given])
    known = bytes.fromhex("".join([text for text in given if text is not None]))
    ids = np.zeros(len(given), dtype="V32")
    ids[has_id] = np.frombuffer(known, dtype="V32")  # ValueError when there were spaces
    return ids, has_id


def _kinds(given: list[int | None]) -> Array:
    return _integers([-1 if kind is None else kind for kind in given])


def _milliseconds(given: list[float | None]) -> Array:
    if given.count(None) == len(given):
        return np.full(len(given), np.nan)
    return np.array(given, dtype=np.float64)


def _integers(values: Sequence[int]) -> Array:
    return np.array(values, dtype=np.int64)


def _bytes(values: list[int]) -> Array:
    return np.frombuffer(bytes(values), dtype=np.uint8)
