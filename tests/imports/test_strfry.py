"""strfry's log: what its lines tell, and nothing else."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import Connection, Delivery, Event
from ingest.identity import Identity
from ingest.imports import strfry_lines
from ingest.imports.lines import BadLine, PassedOver, Row
from ingest.imports.naming import Naming
from ingest.imports.strfry import StrfryReader
from ingest.imports.strfry_waiting import WAIT
from tests.imports.conftest import LOGS
from tests.support.records import NOON, micros

UTC = ZoneInfo("UTC")
AT = micros(NOON)
SECOND = 1_000_000


@pytest.fixture
def reader(naming: Naming) -> StrfryReader:
    return StrfryReader(naming, UTC)


def read(reader: StrfryReader, text: bytes) -> tuple[list[Any], list[str]]:
    """The records of a log, and why lines gave none."""
    records: list[Any] = []
    reasons: list[str] = []
    for line in text.splitlines():
        try:
            records += [row.record for row in reader.read(line)]
        except (BadLine, PassedOver) as why:
            reasons.append(str(why))
    return records, reasons


def log(*messages: str, start: int = 0) -> bytes:
    """Lines of a log, a second apart."""
    preamble = "2026-03-10 12:{:02}:{:02}.000 (   1.000s) [Ingester 1      ]INFO| "
    return b"".join((preamble.format(*divmod(start + n, 60)) + text + "\n").encode() for n, text in enumerate(messages))


def test_a_log_gives_what_it_tells(reader: StrfryReader, naming: Naming) -> None:
    records, reasons = read(reader, (LOGS / "strfry.log").read_bytes())
    first, second = naming.address("203.0.113.7", AT).client, naming.address("2001:db8::7", AT).client
    events = [record for record in records if isinstance(record, Event)]
    assert [(one.event_type, one.outcome, one.error_code, one.client, one.connection) for one in events] == [
        ("EVENT", "ok", None, first, 1),
        ("EVENT", "duplicate", None, first, 1),
        ("REQ", "ok", None, first, 1),
        ("REQ", "rejected", "bad-req", first, 1),
        ("CLOSE", "ok", None, first, 1),
        ("EVENT", "rejected", "rate-limited", "unknown", 2),
        ("EVENT", "rejected", "replaced", "unknown", 0),
    ]
    assert (events[0].timestamp, events[0].kind, events[0].event_id) == (AT + 200_000, 1, b"\xaa" * 32)
    assert events[2].events_out == 10
    assert events[2].metadata is not None
    assert (events[2].metadata["filters"], events[2].metadata["sub"]) == (1, "word:number")
    assert events[5].metadata == {"reason": "rate-limited: [address] is too fast"}
    assert all(one.response_time_ms is None and one.bytes_in == 0 for one in events)
    dumped = sum(one.payload_in for one in events)
    connections = [record for record in records if isinstance(record, Connection)]
    assert connections == [
        Connection(1, first, "address", AT + 100_000, AT + 7_500_000, 1001, None, 512, 1024, None),
        Connection(2, "unknown", "address", None, AT + 8_000_000, None, None, 786432, 0, None),
    ]
    assert [record for record in records if isinstance(record, Delivery)] == [
        Delivery(AT + 7_500_000, first, 1, 0, 512, 1024, max(0, 512 - dumped), 4096),
        Delivery(AT + 8_000_000, "unknown", 2, 0, 786432, 0, 1572864, 0),
    ]
    assert sorted(reasons) == ["a line that tells of no traffic"] * 2 + ["no line of strfry's log"]
    assert second not in {record.client for record in records}


def test_nothing_of_the_content_or_an_address_is_in_a_record(reader: StrfryReader) -> None:
    records, _ = read(reader, (LOGS / "strfry.log").read_bytes())
    told = msgspec.json.encode(records)
    assert b"MARKER" not in told
    assert b"203.0.113" not in told


def test_a_sample_shows_neither_content_nor_address(reader: StrfryReader) -> None:
    for line in (LOGS / "strfry.log").read_bytes().splitlines():
        assert "MARKER" not in reader.sample(line)
        assert "203.0.113" not in reader.sample(line)


def test_an_authenticated_connection_is_its_pubkey_s(reader: StrfryReader) -> None:
    text = log(
        "[5] Connect from 192.0.2.1 compression=N sliding=N", f"[5] AUTHed as {'f' * 64}",
        '[5] dumpInReq: ["CLOSE","x"]',
    )  # fmt: skip
    records, _ = read(reader, text)
    assert [one.client for one in records] == ["f" * 64]


def test_a_message_that_is_logged_twice_counts_once(reader: StrfryReader) -> None:
    text = log('[1] dumpInAll: ["CLOSE","x"]', '[1] dumpInReq: ["CLOSE","x"]', '[1] dumpInAll: ["CLOSE","x"]')
    records, reasons = read(reader, text)
    assert len(records) == 2
    assert reasons == ["a message that is logged twice"]


def test_an_outcome_that_does_not_come_is_unknown(reader: StrfryReader) -> None:
    records, _ = read(reader, log('[1] dumpInReq: ["REQ","x",{}]'))
    assert records == []
    records, _ = read(reader, log('[1] dumpInReq: ["REQ","y",{}]', start=WAIT // SECOND + 1))
    assert [(one.event_type, one.outcome) for one in records] == [("REQ", "unknown")]
    assert [row.record.outcome for row in reader.flush() if isinstance(row.record, Event)] == ["unknown"]


def test_an_outcome_after_the_end_of_an_earlier_import_is_no_second_message(reader: StrfryReader) -> None:
    read(reader, log(f'[1] dumpInEvent: ["EVENT",{{"id":"{"a" * 64}","kind":1}}]'))
    assert len(reader.flush()) == 1
    records, reasons = read(reader, log(f"Inserted event. id={'a' * 64} levId=1"))
    assert (records, reasons) == ([], ["an outcome of a message that an earlier import took"])


def test_numbers_of_connections_begin_anew_when_strfry_does(reader: StrfryReader, naming: Naming) -> None:
    text = log(
        "[1] Connect from 192.0.2.1 compression=N sliding=N", "[1] Connect from 192.0.2.2 compression=N sliding=N",
        "[1] Disconnect from 192.0.2.2 (1000/-) UP: 1b (0.0% compressed) DN: 1b (0.0% compressed)",
    )  # fmt: skip
    records, _ = read(reader, text)
    assert (records[0].client, records[0].opened_at) == (naming.address("192.0.2.2", AT).client, AT + SECOND)


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 12), ("Europe/Berlin", 11), ("America/New_York", 16)])
def test_the_clock_of_the_log_is_told(zone: str, hour: int) -> None:
    line = strfry_lines.parse(log("x").rstrip(b"\n"), ZoneInfo(zone))
    assert line is not None
    assert line.at == micros(NOON.replace(hour=hour))


def test_what_a_log_collector_puts_in_front_is_passed_over() -> None:
    line = strfry_lines.parse(b"strfry-1  | " + log("[7] x").rstrip(b"\n"), UTC)
    assert line is not None
    assert line == (AT, "Ingester 1", 7, b"x")


PIECES = st.sampled_from([line.encode() for line in (LOGS / "strfry.log").read_text().splitlines()]).flatmap(
    lambda line: st.tuples(st.integers(0, len(line)), st.binary(max_size=8)).map(
        lambda cut: line[: cut[0]] + cut[1] + line[cut[0] + len(cut[1]) :]
    )
)


@given(st.lists(PIECES | st.binary(max_size=200), max_size=30))
def test_any_line_gives_records_or_a_reason(given: list[bytes]) -> None:
    reader = StrfryReader(_NoNames(), UTC)  # type: ignore[arg-type]
    found: list[Row] = []
    for line in given:
        try:
            found += reader.read(line)
        except (BadLine, PassedOver):
            reader.sample(line)
    found += reader.flush()
    assert all(isinstance(row.record, Event | Connection | Delivery) for row in found)


class _NoNames:
    """Names that need no key: a property test makes thousands of readers."""

    def address(self, text: str, at: int) -> Identity:
        return Identity("addr:x", "address")
