"""What waits in a spool: batches as bytes, with their events as columns where columns can tell them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Batch, Delivery, Event, encode_batch
from core.storage import payloads
from core.storage.event_columns import EventColumns, concatenated, transpose
from core.storage.payloads import MARK, decode_payload, encode_payload
from tests.support.records import batch, event

SIZES = st.integers(-(2**63), 2**63 - 1)
EVENTS = st.builds(
    Event,
    timestamp=SIZES,
    client=st.text(max_size=5),
    event_type=st.sampled_from(EVENT_TYPES),
    outcome=st.sampled_from(OUTCOMES),
    error_code=st.none() | st.sampled_from(ERROR_CODES),
    response_time_ms=st.none() | st.floats(allow_nan=False),
    first_event_ms=st.none() | st.floats(allow_nan=False),
    bytes_in=SIZES,
    bytes_out=SIZES,
    payload_in=SIZES,
    payload_out=SIZES,
    events_out=SIZES,
    kind=st.none() | SIZES,
    event_id=st.none() | st.binary(max_size=33),
    connection=SIZES,
    app=st.none() | st.text(max_size=5),
    metadata=st.none() | st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=2),
)


@given(st.lists(EVENTS, max_size=8), st.integers(0, 3))
def test_a_batch_comes_back_as_it_was(events: list[Event], carried: int) -> None:
    given = Batch("tap:r:0:x", 7, "r", events, [Delivery(1, "a", 2)] * carried, [], [])
    found = decode_payload(encode_payload(given))
    assert list(found.events) == events
    assert msgspec.structs.replace(found, events=events) == given
    assert found.sizes == given.sizes
    assert encode_payload(found) == encode_payload(given)


@given(st.lists(st.lists(EVENTS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_batches_joined_are_their_events_one_after_another(groups: list[list[Event]]) -> None:
    told = [(events, columns) for events in groups if (columns := transpose(events)) is not None]
    if told:
        joined = concatenated([columns for _, columns in told])
        assert list(joined) == [one for events, _ in told for one in events]


def test_events_are_kept_as_columns() -> None:
    payload = encode_payload(batch([event(client="alice"), event(client="bob")]))
    assert payload.startswith(MARK)
    events = decode_payload(payload).events
    assert isinstance(events, EventColumns)
    assert [one.client for one in events[-1:]] == ["bob"]
    with pytest.raises(IndexError):
        events[2]


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "hostile",
    [
        {"kind": 2**63},
        {"kind": -1},
        {"response_time_ms": float("nan")},
        {"event_id": b"short"},
        {"event_type": "HELLO"},
        {"error_code": "unheard"},
        {"client": 5},
        {"metadata": {"a": nested(100)}},
    ],
    ids=str,
)
def test_what_columns_cannot_tell_is_kept_as_records(hostile: dict[str, Any]) -> None:
    strange = msgspec.structs.replace(event(), **hostile)
    payload = encode_payload(batch([event(), strange]))
    if "metadata" in hostile:
        assert payload.startswith(MARK)  # JSON can
    else:
        assert payload == encode_batch(batch([event(), strange]))


def test_a_payload_of_an_earlier_version_is_read() -> None:
    given = batch([event(client="alice", kind=1), event(client="bob")])
    assert decode_payload(encode_batch(given)) == given


def test_columns_of_a_version_that_kept_them_in_full_width_are_read() -> None:
    given = batch([event(client="alice", kind=1, response_time_ms=None), event(event_id=bytes(32), app="Damus")])
    events = transpose(given.events)
    assert events is not None
    payload = msgspec.msgpack.decode(encode_payload(given)[len(MARK) :], type=payloads.Payload)
    payload.events.columns = [
        (events.integers[name] if name in events.integers else getattr(events, name)).astype(wire).tobytes()
        for name, wire in payloads.WIRE
    ]
    found = decode_payload(payloads.EARLIER + msgspec.msgpack.encode(payload))
    assert list(found.events) == list(given.events)


def test_columns_of_a_version_with_other_names_keep_their_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    given = batch([event(event_type=name, outcome="rejected", error_code="blocked") for name in EVENT_TYPES])
    with monkeypatch.context() as earlier:
        earlier.setattr(payloads, "EVENT_TYPES", EVENT_TYPES[::-1])
        earlier.setattr(payloads, "OUTCOMES", OUTCOMES[::-1])
        earlier.setattr(payloads, "ERROR_CODES", ERROR_CODES[::-1])
        payload = encode_payload(batch([event(event_type=name) for name in EVENT_TYPES]))
    # The places are those of this version's lists, so each name reads as its mirror image in the earlier one.
    assert [one.event_type for one in decode_payload(payload).events] == list(EVENT_TYPES[::-1])
    assert list(decode_payload(encode_payload(given)).events) == list(given.events)


def damaged(payload: bytes, change: dict[str, Any]) -> bytes:
    found = msgspec.msgpack.decode(payload[len(MARK) :], type=payloads.Payload)
    found.events = msgspec.structs.replace(found.events, **change)
    return MARK + msgspec.msgpack.encode(found)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 3}, {"clients": []}, {"columns": []}, {"columns": [b"odd"] * len(payloads.WIRE)},
        {"event_ids": bytes(31)}, {"event_ids": bytes(64)}, {"metadata": [None]}, {"event_types": ["EVENT"]},
        {"outcomes": ["unheard of"]},
    ],
    ids=str,
)  # fmt: skip
def test_columns_that_do_not_fit_are_no_batch(change: dict[str, Any]) -> None:
    payload = encode_payload(batch([event(event_id=bytes(32)), event(event_type="REQ", client="bob")]))
    assert decode_payload(damaged(payload, {}))
    with pytest.raises(msgspec.DecodeError):
        decode_payload(damaged(payload, change))


def test_bytes_that_are_no_batch_are_refused() -> None:
    for data in (b"", MARK, MARK + b"\x93", b"\xff\x00"):
        with pytest.raises(msgspec.DecodeError):
            decode_payload(data)
