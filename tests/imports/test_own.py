"""Our own exports come back as they were: export, import into an empty database, the same rows and reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import export, reports
from core.records import Event
from core.storage.database import Database
from core.storage.fold import fold
from core.storage.verify import verify
from ingest.imports import own
from ingest.imports.lines import BadLine
from tests.imports.conftest import Import
from tests.reports import oracle
from tests.reports.everything import every_table
from tests.support import servers
from tests.support.clearing import clear
from tests.support.records import NOON, event

NAMES = st.sampled_from(["=1+1", "'=1+1", "''x", "'", "-", "@a,b", 'a "quoted"\nname\r\twith all', "alice", "é漢"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    made = draw(oracle.events())
    made.client = draw(NAMES)
    made.app = draw(st.none() | NAMES)
    made.event_id = draw(st.none() | st.binary(min_size=32, max_size=32))
    made.connection = draw(st.integers(-(2**40), 2**62))
    made.metadata = draw(st.none() | st.fixed_dictionaries({"reason": NAMES, "filters": st.integers(0, 9)}))
    return made


@pytest.fixture
def other_database(server_dsn: str) -> Iterator[Database]:
    with servers.fresh_database(server_dsn) as made:
        yield made


def exported(database: Database, file_format: str, path: Path) -> Path:
    first, last = oracle.FIRST.date(), oracle.LATER.date()
    path.write_bytes(b"".join(export.raw_events(database, "2026-03-01", last, file_format)))
    assert first < last
    return path


def rows(database: Database) -> list[dict[str, Any]]:
    found = database.read("SELECT * FROM traffic_events ORDER BY timestamp, id").drop(columns="id")
    return sorted(json.loads(found.to_json(orient="records", date_format="iso", date_unit="us")), key=repr)


@pytest.mark.parametrize("file_format", export.FORMATS)
@given(history=st.lists(events(), min_size=1, max_size=25))
@oracle.examples
def test_every_format_comes_back_row_by_row(
    file_format: str, history: list[Event], database: Database, other_database: Database, tmp_path: Path,
    import_into: Import,
) -> None:  # fmt: skip
    clear(database)
    clear(other_database)
    oracle.store(database, history)
    summary = import_into(other_database, exported(database, file_format, tmp_path / "events"))
    assert (summary.taken, summary.bad, summary.refused) == ({"events": len(history)}, {}, 0)
    assert rows(other_database) == rows(database)


@given(history=st.lists(oracle.events(), min_size=20, max_size=60))
@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
@oracle.examples_few
def test_every_report_is_the_same(
    file_format: str, history: list[Event], database: Database, other_database: Database, tmp_path: Path,
    import_into: Import,
) -> None:  # fmt: skip
    for one in (database, other_database):
        clear(one)
        oracle.forget_built_days(one)
    history += [event(client=client, at=oracle.FIRST) for client in oracle.CLIENTS]
    for place, made in enumerate(history):
        made.timestamp += place  # single errors are listed by time: of one instant in any order
    oracle.store(database, history)
    fold(database, oracle.LATER)
    import_into(other_database, exported(database, file_format, tmp_path / "events"), clock=oracle.LATER.timestamp)
    of_samples = [reports.realtime, reports.connections]
    asked = {"start": "2026-03-20", "end": "2026-04-05", "time_zone": "Europe/Berlin"}
    before, after = (
        every_table(one, oracle.CLIENTS, leave_out=of_samples, **asked) for one in (database, other_database)
    )
    assert before.keys() == after.keys()
    for name, frame in before.items():
        pd.testing.assert_frame_equal(after[name], frame, obj=name)
    assert verify(other_database) == []


GOOD = json.dumps(
    {"client_id": "a", "event_type": "REQ", "timestamp": "2026-03-10T12:00:00.000001Z", "outcome": "ok", "bytes_in": 1,
     "bytes_out": 2, "payload_in": 1, "payload_out": 2, "events_out": 0, "relay": "r"}
)  # fmt: skip


def test_a_row_needs_no_more_than_it_has_to() -> None:
    row = own.parse_json(GOOD.encode())
    assert row.relay == "r"
    assert isinstance(row.record, Event)
    assert row.record.timestamp == int(NOON.timestamp()) * 1_000_000 + 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bytes_in": "many"}, r"Expected int, got str \(bytes_in\)"),
        ({"timestamp": "yesterday"}, r"Invalid RFC3339 encoded datetime \(timestamp\)"),
        ({"timestamp": "2026-03-10T12:00:00"}, "timezone"),
        ({"event_id": "xyz"}, "hexadecimal"),
        ({"relay": None}, r"\(relay\)"),
        ({"metadata": [1]}, r"\(metadata\)"),
    ],
)
def test_a_bad_row_says_why_in_words_that_repeat(change: dict[str, Any], why: str) -> None:
    with pytest.raises(BadLine, match=why):
        own.parse_json(json.dumps(json.loads(GOOD) | change).encode())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_line_is_a_row_or_bad(line: bytes) -> None:
    for reader in (own.JsonReader(), own.JsonReader(array=True), own.CsvReader()):
        for text in (line, line):
            try:
                reader.read(text)
            except BadLine:
                continue
        try:
            reader.flush()
        except BadLine:
            continue
