"""Records that are all well become columns at once: the events that `Door.admit` makes of each, at a fifth of the cost.

What only looking at one record can tell (why it is refused) is left to that. Each value is taken out of its record
once; what a value means is found out once for all records that have the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.storage import cleaning
from core.storage.arrays import each, integers, milliseconds, small_integers
from core.storage.cleaning import Refused
from core.storage.event_columns import PLACE_OF_ERROR, PLACE_OF_OUTCOME, PLACE_OF_TYPE, EventColumns, Places, places
from ingest.collector.quick import NULL, QuickRecord
from ingest.collector.records import Door
from ingest.collector.times import microseconds

Array = NDArray[Any]
OTHER = PLACE_OF_TYPE["OTHER"]
OUTCOMES_GIVEN: dict[str | None, int] = {None: PLACE_OF_OUTCOME["ok"]}
OUTCOMES_GIVEN.update(PLACE_OF_OUTCOME)
_decode_metadata = msgspec.json.Decoder(dict[str, Any] | None).decode


def columns(records: Sequence[QuickRecord], fields: frozenset[str], door: Door) -> EventColumns | None:
    """The events of one relay's records, of which there is at least one; None when one of them cannot be taken.

    `fields`: those that the records have; all others are absent from each of them. What the door leaves out of their
    metadata is in its `left_out`.
    """
    try:
        return _columns(records, fields, door)
    except (Refused, ValueError, OverflowError, RecursionError):
        return None


def _columns(records: Sequence[QuickRecord], fields: frozenset[str], door: Door) -> EventColumns | None:
    number = len(records)
    clients, client = _clients(records, fields, door)
    zeros = np.zeros(number, dtype=np.int64)
    # Written out: taking a field out of records by its name would cost twice as much.
    bytes_in = integers([record.bytes_in for record in records]) if "bytes_in" in fields else zeros
    bytes_out = integers([record.bytes_out for record in records]) if "bytes_out" in fields else zeros
    payload_in = integers([record.payload_in for record in records]) if "payload_in" in fields else zeros
    payload_out = integers([record.payload_out for record in records]) if "payload_out" in fields else zeros
    events_out = integers([record.events_out for record in records]) if "events_out" in fields else zeros
    connection = integers([record.connection for record in records]) if "connection" in fields else zeros
    kinds = [record.kind for record in records] if "kind" in fields else None
    answers = [record.response_time_ms for record in records] if "response_time_ms" in fields else None
    firsts = [record.first_event_ms for record in records] if "first_event_ms" in fields else None
    totals = [record.bytes_transferred for record in records] if "bytes_transferred" in fields else None
    if totals is not None and not _are(totals, bytes_in + bytes_out):
        return None
    event_type, unknown_types = _types(records, fields)
    outcome, error_code, reasons = _answers(records, fields, door)
    apps, app = _apps(records, fields, door)
    event_id, has_id = _event_ids(records, fields)
    return EventColumns(
        timestamp=_times(records, fields, door),
        clients=clients,
        client=client,
        event_type=event_type,
        outcome=outcome,
        error_code=error_code,
        response_time_ms=milliseconds(answers, number),
        first_event_ms=milliseconds(firsts, number),
        integers={
            "bytes_in": bytes_in, "bytes_out": bytes_out, "payload_in": payload_in, "payload_out": payload_out,
            "events_out": events_out, "connection": connection,
        },
        kind=zeros - 1 if kinds is None else integers(kinds, absent=-1),
        event_id=event_id,
        has_id=has_id,
        apps=apps,
        app=app,
        metadata=_metadata(records, fields, unknown_types, reasons, door),
    )  # fmt: skip


def _clients(records: Sequence[QuickRecord], fields: frozenset[str], door: Door) -> tuple[Places, Array]:
    ids = [record.client_id for record in records] if "client_id" in fields else [None] * len(records)
    given = places()
    try:
        "".join(ids)  # type: ignore[arg-type]  # the quickest way to find out that one is None
    except TypeError:
        addresses = [record.client_address for record in records] if "client_address" in fields else ids
        named = [door.client(name, address) for name, address in zip(ids, addresses, strict=True)]
        return given, integers([given[name] for name in named])
    client = integers([given[name] for name in ids])  # type: ignore[index]
    names = list(given)
    if cleaning.all_storable(names, cleaning.LONGEST_CLIENT) and not cleaning.any_address(names):
        return given, client
    clients = places()
    return clients, integers([clients[door.client(name, None)] for name in names])[client]


def _times(records: Sequence[QuickRecord], fields: frozenset[str], door: Door) -> Array:
    """Microseconds since the Unix epoch. Raises ValueError."""
    if "timestamp" in fields:
        return microseconds([record.timestamp for record in records], door.arrival)
    return np.full(len(records), door.arrival, dtype=np.int64)


def _types(records: Sequence[QuickRecord], fields: frozenset[str]) -> tuple[Array, list[str | None] | None]:
    """Places of types, and the names of those that are unknown; None when none is."""
    if "event_type" not in fields:
        return np.full(len(records), OTHER, dtype=np.uint8), None
    types = [record.event_type for record in records]
    found = small_integers(each(types, lambda name: PLACE_OF_TYPE.get(name, OTHER)))
    if OTHER not in found:
        return found, None
    unknown = each(types, lambda name: None if name in PLACE_OF_TYPE else name)
    return found, None if unknown.count(None) == len(unknown) else unknown


def _answers(
    records: Sequence[QuickRecord], fields: frozenset[str], door: Door
) -> tuple[Array, Array, list[str | None] | None]:
    """Outcomes, error codes, and the texts that codes were made of; None when none was."""
    outcomes = [record.outcome for record in records] if "outcome" in fields else [None] * len(records)
    codes = [record.error_code for record in records] if "error_code" in fields else [None] * len(records)
    if codes.count(None) == len(codes):
        return small_integers(each(outcomes, OUTCOMES_GIVEN.__getitem__)), np.zeros(len(codes), dtype=np.uint8), None
    answers = each(codes, door.answer)
    outcome = [
        PLACE_OF_OUTCOME[answer[0] if outcome is None else outcome]
        for answer, outcome in zip(answers, outcomes, strict=True)
    ]
    reasons = [answer[2] for answer in answers]
    error_code = small_integers([PLACE_OF_ERROR[answer[1]] for answer in answers])
    return small_integers(outcome), error_code, None if reasons.count(None) == len(reasons) else reasons


def _metadata(
    records: Sequence[QuickRecord],
    fields: frozenset[str],
    unknown_types: list[str | None] | None,
    reasons: list[str | None] | None,
    door: Door,
) -> list[bytes | None] | None:
    """What is stored of it, as JSON."""
    given = [record.metadata for record in records] if "metadata" in fields else [NULL] * len(records)
    if unknown_types is reasons is None and given.count(NULL) == len(given):
        return None

    def kept(text: bytes, unknown_type: str | None = None, reason: str | None = None) -> tuple[bytes | None, list[str]]:
        facts, left_out = door.facts(_decode_metadata(text), unknown_type, reason)
        return None if facts is None else cleaning.encode_json(facts), left_out

    texts = list(map(bytes, given))
    if unknown_types is reasons is None:
        found = each(texts, kept)
    else:
        nothing = [None] * len(records)
        keys = list(zip(texts, unknown_types or nothing, reasons or nothing, strict=True))
        found = each(keys, lambda key: kept(*key))
    door.left_out += [left_out for _, left_out in found if left_out]
    return [text for text, _ in found]


def _apps(records: Sequence[QuickRecord], fields: frozenset[str], door: Door) -> tuple[Places, Array]:
    apps = places()
    if "app" not in fields:
        return apps, np.full(len(records), -1, dtype=np.int64)

    def place(given: str | None) -> int:
        name = None if given is None else door.app(given)
        return -1 if name is None else apps[name]

    return apps, integers(each([record.app for record in records], place))


def _event_ids(records: Sequence[QuickRecord], fields: frozenset[str]) -> tuple[Array, Array]:
    """32 bytes each, and whether there are any. Raises ValueError when one is not hexadecimal."""
    if "event_id" not in fields:
        return np.zeros(len(records), dtype="V32"), np.zeros(len(records), dtype=bool)
    given = [record.event_id for record in records]
    known = [text for text in given if text is not None]
    found = np.frombuffer(bytes.fromhex("".join(known)), dtype="V32")
    if len(found) != len(known):
        raise ValueError("an event_id is too short")  # there were spaces in it
    if len(known) == len(given):
        return found, np.ones(len(records), dtype=bool)
    has_id = np.array([text is not None for text in given])
    ids = np.zeros(len(records), dtype="V32")
    ids[has_id] = found
    return ids, has_id


def _are(totals: Sequence[int | None], sums: Array) -> bool:
    """Whether those that are given are these sums."""
    given = integers(totals, absent=-1)
    return bool(((given == sums) | (given < 0)).all())
