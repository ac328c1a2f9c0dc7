"""Exports of raw events: the same bytes as `core.export` makes, streamed, and whether a file is whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core import audit, export
from core.export import raw
from core.storage.database import Database
from tests.api.running import running
from tests.api.served import OTHER, OWN, PREFIX, RANGE, Served, serve
from tests.reports import oracle
from tests.support.records import NOON, event

pytestmark = pytest.mark.xdist_group("api-exports")


@pytest.mark.parametrize("file_format", export.FORMATS)
def test_an_export_is_what_core_makes_of_the_range(file_format: str, served: Served) -> None:
    response = served.get(f"/export/{file_format}", **RANGE)
    assert response.status_code == 200
    assert response.headers["content-type"] == export.FORMATS[file_format]
    assert f"events_20240101T0000_20240108T0000.{file_format}" in response.headers["content-disposition"]
    whole = b"".join(export.raw_events(served.database, "2024-01-01", "2024-01-07", file_format))
    assert response.content == whole
    record = served.get(f"/exports/{response.headers['x-export-id']}").json()
    assert record["state"] == "complete"
    assert record["rows"] == 7 * 12
    assert (record["bytes"], record["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_days_are_those_of_the_reporting_zone_and_filters_choose_rows(served: Served) -> None:
    day: dict[str, Any] = {"start_date": "2024-01-02", "end_date": "2024-01-02"}
    rows = served.get("/export/json", tz="Asia/Tokyo", **day).json()
    assert {row["timestamp"][:10] for row in rows} == {"2024-01-01", "2024-01-02"}
    assert rows[0]["timestamp"] == "2024-01-01T15:00:00.000000Z"
    only = served.get(
        "/export/json", client_id=OTHER, event_type="EVENT", kind=7, error_code="rate-limited", **day
    ).json()
    assert [(row["client_id"], row["kind"]) for row in only] == [(OTHER, 7)] * 2
    instants: dict[str, Any] = {"start_date": "2024-01-02T01:00:00.001Z", "end_date": "2024-01-02T01:00:00.003Z"}
    assert [row["event_type"] for row in served.get("/export/json", **instants).json()] == ["EVENT", "EVENT"]


def test_it_is_compressed_for_whoever_takes_gzip_and_the_checksum_is_of_the_file(served: Served) -> None:
    with served.client.stream(
        "GET",
        f"{PREFIX}/export/csv",
        params=RANGE,
        headers={"Authorization": f"Bearer {served.tokens['admin']}", "Accept-Encoding": "gzip"},
    ) as response:
        packed = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    whole = gzip.decompress(packed)
    assert whole == b"".join(export.raw_events(served.database, "2024-01-01", "2024-01-07"))
    record = served.get(f"/exports/{response.headers['x-export-id']}").json()
    assert record["sha256"] == hashlib.sha256(whole).hexdigest()
    plain = served.get("/export/csv", headers={"Accept-Encoding": "identity"}, **RANGE)
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == "Accept-Encoding"


def test_a_file_of_a_report_has_a_record_too(served: Served) -> None:
    response = served.get("/reports/traffic", format="csv", **RANGE)
    record = served.get(f"/exports/{response.headers['x-export-id']}").json()
    assert record["state"] == "complete"
    assert record["sha256"] == hashlib.sha256(response.content).hexdigest()
    assert record["rows"] == len(response.text.splitlines()) - 1


def test_the_record_of_an_export_is_for_who_made_it_and_for_admins(served: Served) -> None:
    made = served.get("/export/csv", "client", **RANGE).headers["x-export-id"]
    for role, status in (("client", 200), ("admin", 200), ("analyst", 404), ("business", 404)):
        assert served.get(f"/exports/{made}", role).status_code == status
    assert served.get("/exports/" + "f" * 16).status_code == 404
    assert served.get("/exports/nonsense").status_code == 422


def test_every_export_is_in_the_audit_log(served: Served) -> None:
    response = served.get("/export/csv", "business", client_id=OWN, **RANGE)
    entries = served.get("/audit", request_id=response.headers["x-request-id"]).json()["data"]
    assert [entry["action"] for entry in entries] == ["export.complete", "export.events"]
    begun = entries[1]
    assert begun["actor"] == "business"
    assert begun["via"].startswith("token ")
    assert begun["details"]["query"]["client"] == OWN
    assert begun["details"]["query"]["metadata"] is False
    assert begun["details"]["query"]["start"] == "2024-01-01T00:00:00+00:00"
    assert served.tokens["business"] not in json.dumps(entries)


def test_the_audit_log_is_read_page_by_page(served: Served) -> None:
    for _ in range(3):
        served.get("/export/csv", "analyst", **RANGE)
    found: list[int] = []
    before: dict[str, Any] = {}
    while True:
        page = served.get("/audit", actor="analyst", action="export.", limit=2, **before).json()
        found += [entry["entry_id"] for entry in page["data"]]
        if page["next_before"] is None:
            break
        before = {"before": page["next_before"]}
    assert found == [entry.entry_id for entry in audit.entries(served.database, actor="analyst", limit=1000)]
    assert len(found) >= 6


ROWS = 40_000


@pytest.fixture
def large(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An API with one export at a time, over more than the buffers of a socket hold."""
    monkeypatch.setattr(raw, "CHUNK_BYTES", 64 * 1024)
    with serve(database, api_exports=1) as made:
        oracle.store(database, [event(NOON, metadata={"reason": "y" * 100})])
        with database.connect() as connection:
            connection.execute(
                "INSERT INTO traffic_events_raw SELECT r.* FROM traffic_events_raw r, generate_series(2, %s)"
                " WHERE r.timestamp = %s",
                [ROWS, NOON],
            )
        yield made


class Download:
    """A client on a bare socket, which sees where the body ends."""

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        path = f"{PREFIX}/export/ndjson?start_date=2026-03-10&end_date=2026-03-10"
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            self.head += self.socket.recv(1024)
        self.head, _, self.body = self.head.partition(b"\r\n\r\n")

    @property
    def export_id(self) -> str:
        headers = dict(line.split(b": ", 1) for line in self.head.lower().split(b"\r\n")[1:])
        return headers[b"x-export-id"].decode()

    def rest(self) -> bytes:
        """All that follows until the server closes."""
        parts = [self.body]
        try:
            while part := self.socket.recv(1 << 20):
                parts.append(part)
                if part.endswith(b"\r\n0\r\n\r\n"):
                    break
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def close(self) -> None:
        self.socket.close()


def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once the end of an export is recorded."""
    from api.routes import exports

    event, record = threading.Event(), exports._ended

    def recorded(*arguments: Any) -> None:
        record(*arguments)
        event.set()

    monkeypatch.setattr(exports, "_ended", recorded)
    return event


def test_an_export_that_breaks_ends_without_its_last_chunk_and_is_recorded_so(
    large: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = ended(monkeypatch)
    with running(large.app) as address:
        download = Download(address, large.tokens["admin"])
        with large.database.connect(autocommit=True) as connection:
            killed = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'COPY (SELECT%' AND pid <> pg_backend_pid()"
            ).fetchall()
        assert killed == [(True,)]
        received = download.rest()
        over.wait()
        download.close()
    assert b"transfer-encoding: chunked" in download.head.lower()
    assert not received.endswith(b"0\r\n\r\n")
    record = large.get(f"/exports/{download.export_id}").json()
    assert (record["state"], record["rows"], record["sha256"]) == ("interrupted", None, None)


def test_a_caller_who_leaves_frees_the_place_and_the_connection(large: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    over = ended(monkeypatch)
    with running(large.app) as address:
        download = Download(address, large.tokens["admin"])
        busy = large.get("/export/csv", **RANGE)
        assert busy.status_code == 503
        assert busy.headers["retry-after"] == "10"
        assert large.get(f"/exports/{download.export_id}").json()["state"] == "unfinished"
        download.close()
        over.wait()
        assert large.get("/export/csv", **RANGE).status_code == 200
    assert large.get(f"/exports/{download.export_id}").json()["state"] == "interrupted"


def test_a_whole_export_ends_with_its_last_chunk(large: Served) -> None:
    with running(large.app) as address:
        download = Download(address, large.tokens["admin"])
        received = download.rest()
        download.close()
    assert received.endswith(b"\r\n0\r\n\r\n")
    assert large.get(f"/exports/{download.export_id}").json()["rows"] == ROWS
