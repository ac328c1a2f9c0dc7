"""Exported files against the records that were stored, read back by ordinary readers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import export
from core.exceptions import BadParameterError, DatabaseUnavailableError
from core.export import raw
from core.records import ERROR_CODES, EVENT_TYPES, OUTCOMES, Event
from core.storage.database import Database
from tests.reports import oracle
from tests.support.clearing import clear
from tests.support.records import NOON, event

NASTY = "a \"quoted\" \\back\\slash, comma; 'x'\n second line\r\ttab \x01 \x02 \x7f é 漢 \U0001f600 \u2028 \\. \\N null"
DAY: dict[str, Any] = {"start": "2026-03-10", "end": "2026-03-10"}


def whole(database: Database, file_format: str = "csv", **asked: Any) -> bytes:
    exported = export.raw_events(database, file_format=file_format, **{**DAY, **asked})
    body = b"".join(exported)
    assert exported.sha256 == hashlib.sha256(body).hexdigest()
    return body


def from_csv(body: bytes) -> list[dict[str, Any]]:
    """The rows, with the types that JSON would give them."""
    numbers = {column.name for column in export.COLUMNS if column.kind == "number"}
    nullable = {column.name for column in export.COLUMNS if column.nullable}

    def value(name: str, text: str) -> Any:
        if text == "" and name in nullable:
            return None
        return json.loads(text) if name in numbers or name == "metadata" else text

    rows = csv.DictReader(io.StringIO(body.decode(), newline=""), strict=True)
    return [{name: value(name, text) for name, text in row.items()} for row in rows]


def from_parquet(body: bytes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
    for row in rows:
        row["timestamp"] = row["timestamp"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if row.get("metadata") is not None:
            row["metadata"] = json.loads(row["metadata"])
    return rows


def read(body: bytes, file_format: str) -> list[dict[str, Any]]:
    if file_format == "csv":
        return from_csv(body)
    if file_format == "parquet":
        return from_parquet(body)
    if file_format == "ndjson":
        return [json.loads(line) for line in body.decode().split("\n")[:-1]]
    rows: list[dict[str, Any]] = json.loads(body)
    return rows


def expected(stored: Event) -> dict[str, Any]:
    """What a file says of a record, apart from `id`; times are stored in steps of 1/1024 ms."""

    def rounded(value: float | None) -> Any:
        return None if value is None else pytest.approx(value, rel=1e-6, abs=1 / 2048)

    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=stored.timestamp)
    return {
        "event_id": stored.event_id.hex() if stored.event_id else None,
        "client_id": stored.client,
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "response_time_ms": rounded(stored.response_time_ms),
        "first_event_ms": rounded(stored.first_event_ms),
        "bytes_transferred": stored.bytes_in + stored.bytes_out,
        "relay": "relay.test",
        **{
            name: getattr(stored, name)
            for name in (
                "event_type", "metadata", "error_code", "kind", "outcome", "bytes_in", "bytes_out", "payload_in",
                "payload_out", "events_out", "app", "connection",
            )
        },
    }  # fmt: skip


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
METADATA = st.fixed_dictionaries(
    {}, optional={"reason": TEXT | st.just(NASTY), "filters": st.integers(0, 2**40), "inferred": st.booleans()}
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    made = draw(oracle.events())
    made.metadata = draw(st.none() | METADATA) or None
    made.app = draw(st.none() | st.sampled_from([NASTY, "Damus", "x,y", '"']))
    made.event_id = draw(st.none() | st.binary(min_size=32, max_size=32))
    made.connection = draw(st.integers(0, 2**62))
    return made


def matches(found: list[dict[str, Any]], history: list[Event]) -> None:
    """The same rows, ordered by time; of one instant in any order."""
    assert [row["timestamp"] for row in found] == sorted(row["timestamp"] for row in found)
    wanted = [expected(stored) for stored in history]
    for row in found:
        told = {name: value for name, value in row.items() if name != "id"}
        wanted.remove(told)
    assert wanted == []


@given(history=st.lists(events(), max_size=25), days=oracle.RANGES, zone=st.sampled_from(oracle.ZONES))
@oracle.examples
def test_every_format_gives_back_the_records(
    history: list[Event], days: tuple[Any, Any], zone: str, database: Database
) -> None:
    clear(database)
    oracle.store(database, history)
    keep = set(oracle.of_days(oracle.raw(history, zone), *days).index)
    inside = [stored for place, stored in enumerate(history) if place in keep]
    for file_format in export.FORMATS:
        body = whole(database, file_format, start=days[0], end=days[1], time_zone=zone)
        found = read(body, file_format)
        matches(found, inside)
        assert all(list(row) == export.column_names() for row in found)


@pytest.mark.parametrize("file_format", export.FORMATS)
def test_every_word_of_the_fixed_lists_is_named_right(file_format: str, database: Database) -> None:
    """The export finds them by their place in a list, so each is tried."""
    words: list[tuple[str, str, str | None]] = [(verb, "ok", None) for verb in EVENT_TYPES]
    words += [("REQ", outcome, None) for outcome in OUTCOMES]
    words += [("REQ", "rejected", code) for code in ERROR_CODES]
    history = [Event(int(NOON.timestamp()) * 1_000_000 + n, "a", *parts) for n, parts in enumerate(words)]
    oracle.store(database, history)
    found = read(whole(database, file_format), file_format)
    assert [(row["event_type"], row["outcome"], row["error_code"]) for row in found] == words


@pytest.mark.parametrize("file_format", ["json", "ndjson", "parquet"])
def test_names_with_anything_in_them_come_back_unchanged(file_format: str, database: Database) -> None:
    oracle.store(database, [event(client=NASTY, app=NASTY, metadata={"reason": NASTY})])
    row = read(whole(database, file_format), file_format)[0]
    assert (row["client_id"], row["app"], row["metadata"]) == (NASTY, NASTY, {"reason": NASTY})


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_name_that_a_spreadsheet_would_run_is_made_text_in_csv_alone(start: str, database: Database) -> None:
    name = f'{start}HYPERLINK("http://evil")'
    oracle.store(database, [event(client=name, app=name, connection=-5, metadata={"reason": "-1"})])
    row = from_csv(whole(database))[0]
    assert row["client_id"] == row["app"] == "'" + name
    assert row["connection"] == -5  # a number is left alone
    assert row["metadata"] == {"reason": "-1"}
    for file_format in ("json", "parquet"):
        assert read(whole(database, file_format), file_format)[0]["client_id"] == name


def test_an_empty_range_is_a_well_formed_file(database: Database) -> None:
    assert whole(database) == (",".join(export.column_names()) + "\n").encode()
    assert whole(database, "ndjson") == b""
    assert json.loads(whole(database, "json")) == []
    table = pq.read_table(io.BytesIO(whole(database, "parquet")))
    assert (table.num_rows, table.column_names) == (0, export.column_names())


def test_null_and_empty_text_are_told_apart_in_parquet(database: Database) -> None:
    oracle.store(database, [event(app=None), event(app="x", client="b")])
    with database.borrow() as connection:
        connection.execute("UPDATE apps SET name = ''")
    rows = from_parquet(whole(database, "parquet"))
    assert [row["app"] for row in rows] == [None, ""]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"event_type": "EVENT"}, {2, 3}),
        ({"kind": 7}, {3}),
        ({"client": "bob"}, {4}),
        ({"client": "nobody"}, set()),
        ({"error_code": "blocked"}, {2}),
        ({"start": NOON + timedelta(seconds=1), "end": NOON + timedelta(seconds=3)}, {1, 2}),
        ({"start": "2026-03-10T13:00:03", "end": "2026-03-10T13:00:04", "time_zone": "Europe/Berlin"}, {3}),
    ],
)  # fmt: skip
def test_filters_choose_rows(asked: Mapping[str, Any], wanted: set[int], database: Database) -> None:
    kinds: list[dict[str, Any]] = [
        {}, {"event_type": "AUTH", "kind": 7}, {"event_type": "EVENT", "kind": 1, "outcome": "rejected",
        "error_code": "blocked"}, {"event_type": "EVENT", "kind": 7}, {"client": "bob"},
    ]  # fmt: skip
    oracle.store(
        database, [event(NOON + timedelta(seconds=n), connection=n, **fields) for n, fields in enumerate(kinds)]
    )
    for file_format in export.FORMATS:
        rows = read(whole(database, file_format, **asked), file_format)
        assert {row["connection"] for row in rows} == wanted


def test_metadata_can_be_left_out(database: Database) -> None:
    oracle.store(database, [event(metadata={"reason": "secret"})])
    for file_format in export.FORMATS:
        body = whole(database, file_format, metadata=False)
        assert b"secret" not in body
        assert list(read(body, file_format)[0]) == export.column_names(metadata=False)
    assert "metadata" not in export.column_names(metadata=False)


def test_the_columns_are_those_of_the_view(database: Database) -> None:
    frame = database.read("SELECT * FROM traffic_events LIMIT 0")
    assert list(frame.columns) == export.column_names()


def test_many_small_chunks_make_the_same_file(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    oracle.store(database, [event(NOON + timedelta(seconds=n), app=NASTY) for n in range(50)])
    large = {file_format: whole(database, file_format) for file_format in ("csv", "ndjson", "json")}
    monkeypatch.setattr(raw, "CHUNK_BYTES", 1)
    for file_format, body in large.items():
        exported = export.raw_events(database, file_format=file_format, **DAY)
        chunks = list(exported)
        assert len(chunks) >= 50
        assert b"".join(chunks) == body
        assert exported.rows == 50


def test_an_interrupted_export_ends_its_connection_and_has_no_checksum(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "CHUNK_BYTES", 1)
    oracle.store(database, [event(NOON + timedelta(seconds=n), metadata={"reason": "y" * 200}) for n in range(20_000)])
    exported = export.raw_events(database, file_format="ndjson", **DAY)
    next(iter(exported))
    assert sessions(database) == 1
    exported.close()
    deadline = time.monotonic() + 10
    while sessions(database) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sessions(database) == 0
    assert exported.sha256 is None
    assert exported.rows == 1
    assert list(exported) == []


def sessions(database: Database) -> int:
    """Sessions of this database that run a COPY."""
    with database.borrow() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (SELECT%'"
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_database_that_is_not_there_is_named() -> None:
    absent = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailableError):
        list(export.raw_events(absent, **DAY))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"file_format": "xml"}, "csv, ndjson"),
        ({"start": "2026-03-11"}, "swap them"),
        ({"event_type": "PUBLISH"}, "EVENT, REQ"),
        ({"kind": -1}, "0 to 65535"),
        ({"error_code": "nonsense"}, "rate-limited"),
        ({"time_zone": "Mars"}, "IANA"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_is_read(
    wrong: dict[str, Any], says: str, database: Database
) -> None:
    with pytest.raises(BadParameterError, match=says):
        export.raw_events(database, **{**DAY, **wrong})
