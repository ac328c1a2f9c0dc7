"""From a sender's record to an event: defaults, privacy, and values of any kind."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Batch, Event, decode_batch, encode_batch
from core.storage.cleaning import Quarantine, clean_event, clean_records, storable
from ingest.collector.faults import Bad, read_one
from ingest.collector.quick import Reader
from ingest.collector.reading import (
    MOST_REASONS,
    OTHER_REASONS,
    Lines,
    Message,
    Taken,
    admit,
    admit_at_once,
    take,
)
from ingest.collector.records import Door, Record

ARRIVAL = 1_780_000_000_000_000
ID = "ab" * 32


def door() -> Door:
    return Door(ARRIVAL, named)


def let_in(text: bytes) -> Taken:
    made = take(Lines(text), door, "chat", 20_000, Reader())
    made.events = {relay: list(events) for relay, events in made.events.items()}
    return made


def taken(*records: Any) -> Taken:
    return let_in(b"\n".join(json.dumps(each).encode() for each in records))


def named(address: object) -> str:
    return f"addr:hash of {'v6' if ':' in str(address) else 'v4'}"


def admitted(**fields: Any) -> Event:
    made = taken({"client_id": "alice", **fields})
    assert made.refused == 0, made.reasons
    ((event,),) = made.events.values()
    return event


def refused(**fields: Any) -> str:
    made = taken({"client_id": "alice", **fields})
    assert made.taken == 0
    return made.reasons[0][1]


def test_a_client_is_all_that_a_record_needs() -> None:
    assert admitted() == Event(ARRIVAL, "alice", "OTHER", "ok")


def test_every_column_of_the_export_comes_back() -> None:
    given = {
        "id": 17, "event_id": ID, "client_id": "b" * 64, "event_type": "EVENT",
        "timestamp": "2026-01-31T12:00:00.123456Z", "metadata": {"reason": "slow down", "filters": 2},
        "response_time_ms": 12.5, "bytes_transferred": 600, "error_code": "rate-limited", "kind": 30023,
        "outcome": "rejected", "bytes_in": 501, "bytes_out": 99, "payload_in": 480, "payload_out": 90, "events_out": 7,
        "first_event_ms": 0.25, "relay": "relay.example", "app": "Damus", "connection": (3 << 40) + 1,
    }  # fmt: skip
    made = taken(given)
    assert list(made.events) == ["relay.example"]
    at = round(datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC).timestamp() * 1e6)
    assert made.events["relay.example"] == [
        Event(at, "b" * 64, "EVENT", "rejected", "rate-limited", 12.5, 0.25, 501, 99, 480, 90, 7, 30023,
              bytes.fromhex(ID), (3 << 40) + 1, "Damus", {"reason": "slow down", "filters": 2})
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "at"),
    [
        (1_700_000_000, 1_700_000_000_000_000),
        (1_700_000_000.123456, 1_700_000_000_123_456),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000_000_000),
        (None, ARRIVAL),
    ],
)
def test_a_time_is_iso_8601_or_seconds_since_1970(given: object, at: int) -> None:
    assert admitted(timestamp=given).timestamp == at


@pytest.mark.parametrize("given", [1_700_000_000_000, -1, 0, "2023-11-14T23:13:20", "yesterday", True, 1e300])
def test_another_time_is_refused(given: object) -> None:
    assert refused(timestamp=given).startswith("timestamp")


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (None, ("ok", None, None)),
        ("", ("ok", None, None)),
        ("rate-limited", ("rejected", "rate-limited", None)),
        ("error", ("failed", "error", None)),
        ("unanswered", ("unanswered", "unanswered", None)),
        ("blocked: not you, 203.0.113.7", ("rejected", "blocked", {"reason": "blocked: not you, [address]"})),
        ("ETIMEDOUT", ("rejected", "other", {"reason": "ETIMEDOUT"})),
        ("duplicate: have it", ("duplicate", None, {"reason": "duplicate: have it"})),
    ],
)
def test_an_error_is_normalised_and_means_an_outcome(code: str | None, answer: tuple[Any, ...]) -> None:
    event = admitted(error_code=code)
    assert (event.outcome, event.error_code, event.metadata) == answer
    assert admitted(error_code=code, outcome="cancelled").outcome == "cancelled"


def test_the_verb_of_another_protocol_is_kept_beside() -> None:
    event = admitted(event_type="subscribe")
    assert (event.event_type, event.metadata) == ("OTHER", {"type": "subscribe"})


def test_addresses_are_hashed_at_the_door() -> None:
    assert admitted(client_id=None, client_address="203.0.113.7").client == "addr:hash of v4"
    assert admitted(client_id=None, client_address="[2001:db8::7]:443").client == "addr:hash of v6"
    assert admitted(client_id="203.0.113.7").client == "addr:hash of v4"
    made = taken(
        {"client_address": "not 203.0.113.7"},
        {"client_id": "203.0.113.7", "kind": "203.0.113.7"},
        {"client_id": 203, "client_address": "203.0.113.7"},
        {"client_id": "a", "203.0.113.7": 1},
        {"client_id": "a", "app": "app of 203.0.113.7", "metadata": {"203.0.113.7": 1, "reason": "from 203.0.113.7"}},
    )
    assert (made.taken, made.refused) == (1, 4)
    kept = encode_batch(Batch("", 0, "", made.events["chat"], [], [], [], list(made.refusals.values())))
    assert b"203.0.113" not in kept
    assert "203.0.113" not in str(made.reasons)


def test_content_stays_outside() -> None:
    made = taken({"client_id": "a", "metadata": {"content": "a secret", "sub": "uuid", "tags": [["p", "x"]]}})
    ((event,),) = made.events.values()
    assert event.metadata == {"sub": "uuid"}
    assert [(each.refused, each.count, each.sample) for each in made.refusals.values()] == [(False, 1, "content, tags")]
    assert refused(content="a secret") == "unknown field 'content'"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"client_id": None}, "client_id and client_address are both missing"),
        ({"client_id": "a\0b"}, "client_id is no storable text"),
        ({"bytes_in": 1, "bytes_out": 2, "bytes_transferred": 4}, "bytes_transferred is not bytes_in + bytes_out"),
        ({"event_id": "zz" * 32}, "event_id is not 64 hexadecimal digits"),
        ({"event_id": "ab cd" + "0" * 59}, "event_id is not 64 hexadecimal digits"),
        ({"kind": 2**70}, "kind: expected int | null <= 65535"),
        ({"bytes_in": -1}, "bytes_in: expected int >= 0"),
        ({"response_time_ms": 1e9}, "response_time_ms: expected float < 1000000000.0"),
        ({"relay": "a\0b"}, "relay is no storable text"),
        ({"outcome": "203.0.113.7"}, "outcome: unknown value"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, Any], reason: str) -> None:
    said = refused(**fields)
    assert said.replace(" | null", "") == reason.replace(" | null", "")


def test_two_halves_of_event_ids_make_no_whole_one() -> None:
    half = {"client_id": "a", "event_id": "ab" * 16 + " " * 32}
    made = taken(half, half, {"client_id": "a"})
    assert (made.taken, made.refused) == (1, 2)


def test_reasons_are_few() -> None:
    made = taken(*({"client_id": "a", f"field {number}": 1} for number in range(100)))
    assert len(made.refusals) == MOST_REASONS + 1
    assert sum(each.count for each in made.refusals.values()) == made.refused == 100
    assert made.refusals[OTHER_REASONS, True].count == 100 - MOST_REASONS


SIMPLE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(max_size=80)
    | st.sampled_from([*EVENT_TYPES, *OUTCOMES, *ERROR_CODES, "203.0.113.7", ID, "\0", "2026-01-31T12:00:00Z"])
)
NESTED = st.lists(SIMPLE, max_size=2) | st.dictionaries(
    st.text(max_size=10), SIMPLE | st.lists(SIMPLE, max_size=2), max_size=3
)
VALUES = SIMPLE | NESTED
RECORDS = st.dictionaries(st.sampled_from(Record.__struct_fields__), VALUES, max_size=4)


@given(st.lists(RECORDS, max_size=4))
def test_whatever_is_sent_each_record_is_taken_or_refused(records: list[dict[str, Any]]) -> None:
    """Python writes NaN and Infinity, as careless senders do. What is taken can be stored as it is."""
    made = taken(*records)
    assert made.taken + made.refused == len(records)
    assert sum(each.count for each in made.refusals.values() if each.refused) == made.refused
    events = [event for each in made.events.values() for event in each]
    assert len(events) == made.taken
    batch = Batch("", 0, "", events, [], [], [], list(made.refusals.values()))
    assert decode_batch(encode_batch(batch)) == batch
    quarantine = Quarantine()
    assert clean_records(events, clean_event, quarantine) == events
    assert quarantine.entries == {}
    assert all(not each.sample or storable(each.sample, 300) for each in made.refusals.values())


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_lines_or_no_lines(body: bytes) -> None:
    made = let_in(body)
    assert made.taken + made.refused == sum(1 for line in body.split(b"\n") if line.strip())


@pytest.mark.parametrize(
    "line", [b'{"metadata":' + b"[" * 200_000, b'{"client_id":"\xff"}', b'{"client_id":"\\ud800"}', b'{"kind":NaN}']
)
def test_hostile_lines_cost_only_themselves(line: bytes) -> None:
    made = let_in(b'{"client_id":"a"}\n' + line + b'\n{"client_id":"b"}')
    assert (made.taken, made.refused) == (2, 1)
    assert made.reasons[0][0] == 2


def test_a_message_with_a_bad_record_is_read_one_by_one() -> None:
    message = Message(b'{"batch":"x","records":[{"client_id":"a"},{"client_id":"\xff"},7]}')
    assert message.batch() == "x"
    assert message.quick(Reader()) is None
    assert [type(read_one(part)) for part in message.parts()] == [Record, Bad, Bad]


@pytest.mark.parametrize(
    ("text", "batch"),
    [
        (b'{"batch":"x-1","records":[]}', "x-1"),
        (b' { "batch" : "x/1:2" , "records": [{"client_id": "a"}]}', "x/1:2"),
        (b'{"records":[{"client_id":"a"}],"batch":"x-2"}', "x-2"),
        (b'{"batch":"\\u0061","records":[]}', "a"),
        (b'{"records":[]}', None),
        (b'["batch"]', None),
        (b"\xff", None),
    ],
)
def test_the_id_is_found_wherever_it_stands(text: bytes, batch: str | None) -> None:
    assert Message(text).batch() == batch
    if text != b"\xff":
        assert Message(text.decode()).batch() == batch


texts = st.sampled_from
times = st.one_of(
    st.none(),
    st.floats(9e8, 4.2e9),
    st.integers(946_684_799, 946_684_801),
    st.dates(date(1999, 12, 31), date(2100, 1, 1)).map(lambda day: f"{day}T22:29:59.999999-01:30"),
)
fact = st.one_of(st.text(max_size=3), st.integers(0, 9))
milliseconds = st.one_of(st.none(), st.floats(0, 1e8))
sent = st.fixed_dictionaries(
    {},
    optional={
        "client_id": texts(["alice", "bob", "203.0.113.7", "2001:db8::7", "x" * 200, "nul\x00", "no.address"]),
        "client_address": texts(["203.0.113.7", "[::1]:80", "nobody"]),
        "timestamp": times,
        "event_type": texts([*EVENT_TYPES, "login", "log\x00in"]),
        "outcome": texts(OUTCOMES[:7]),
        "error_code": texts([None, "", "blocked", "blocked: by 203.0.113.7", "duplicate", "what?", "error"]),
        "response_time_ms": milliseconds,
        "first_event_ms": milliseconds,
        "bytes_in": st.integers(0, 9),
        "bytes_out": st.integers(0, 2**53),
        "bytes_transferred": texts([None, 0]),
        "events_out": st.integers(0, 3),
        "connection": st.integers(-(2**63), 2**63 - 1),
        "app": texts([None, "Damus", "at 203.0.113.7"]),
        "kind": st.one_of(st.none(), st.integers(0, 65535)),
        "relay": texts([None, "chat", "relay.example", "nul\x00"]),
        "event_id": texts([None, ID, ID.upper(), " " * 64, "ab" * 16 + " " * 32, "z" * 64]),
        "metadata": st.one_of(st.none(), st.dictionaries(texts(["sub", "reason", "filters", "content"]), fact)),
    },
)


def one_by_one(lines: Lines) -> Taken:
    return admit(list(map(read_one, lines.parts())), door(), "chat")


@given(st.lists(sent | RECORDS, min_size=1, max_size=6))
def test_a_batch_with_bad_records_is_the_same_as_one_by_one(records: list[dict[str, Any]]) -> None:
    text = b"\n".join(json.dumps(each).encode() for each in records)
    assert let_in(text) == one_by_one(Lines(text))


@given(st.lists(sent, min_size=1, max_size=6))
def test_records_taken_at_once_are_the_same_as_one_by_one(records: list[dict[str, Any]]) -> None:
    lines = Lines(b"\n".join(json.dumps(each).encode() for each in records))
    expected, reader = one_by_one(lines), Reader()
    for _ in ("fields are learned", "fields are known"):
        quick = lines.quick(reader)
        at_once = None if quick is None else admit_at_once(quick, door(), "chat")
        if at_once is None:
            assert expected.refused > 0
        else:
            at_once.events = {relay: list(events) for relay, events in at_once.events.items()}
            assert at_once == expected


def test_a_reader_learns_the_fields_that_its_source_sends() -> None:
    reader, all_fields = Reader(), set(Record.__struct_fields__)

    def fields(text: bytes) -> set[str]:
        quick = Lines(text).quick(reader)
        assert quick is not None
        return set(quick.fields)

    assert fields(b'{"client_id":"a"}') == all_fields  # any may be in it, as far as is known
    assert fields(b'{"client_id":"b"}') == {"client_id"}
    assert fields(b'{"kind":1,"client_id":"a"}\n{"client_id":"b"}') == all_fields
    assert fields(b'{"client_id":"b"}') == {"client_id", "kind"}
    assert Lines(b'{"client_id":"b","colour":1}').quick(reader) is None
    assert fields(b'{"client_id":"b"}') == {"client_id", "kind"}


def test_the_fields_of_a_record_are_documented() -> None:
    from core.settings import ROOT

    text = (ROOT / "docs" / "collector.md").read_text()
    fields = msgspec.structs.fields(Record)
    assert [each.name for each in fields if f"| `{each.name}` |" not in text] == []
