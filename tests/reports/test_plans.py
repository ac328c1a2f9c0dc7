"""What a roll-up can answer never touches raw chunks: shown by the plans of the queries that the reports really run."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import pytest

from core import reports
from core.billing import entries, usage
from core.reports.declaration import Report
from core.sql import load
from core.storage import reading
from core.storage.database import Database
from core.storage.fold import fold
from tests.reports import oracle
from tests.support.traffic import messages, refusal, samples, write

RAW = re.compile(r"\b(traffic_events|deliveries|connections)_raw")
READS_RAW = {"errors_latest", "errors_latest_of_client", "realtime_latest_errors"}
"""The details of single errors are in no roll-up; a partial index holds just those rows."""
RANGED = [report for report in reports.REPORTS.values() if any(p.name == "start" for p in report.parameters)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the queries that reports run."""
    names: set[str] = set()

    def noting(name: str) -> str:
        names.add(name)
        return load(name)

    for module in (reading, usage, entries, importlib.import_module("core.reports.billing")):
        monkeypatch.setattr(module, "load", noting)
    return names


def plan(database: Database, name: str, parameters: Mapping[str, Any]) -> str:
    with database.connect() as connection:
        return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {load(name)}".encode(), parameters))


@pytest.mark.parametrize("report", RANGED, ids=lambda report: report.name)
@pytest.mark.parametrize("granularity", ["hour", "day"])
def test_no_raw_chunk_is_read(report: Report, granularity: str, database: Database, asked: set[str]) -> None:
    oracle.store(database, [*messages(oracle.NOW, 10), refusal(oracle.NOW, "blocked: no")])
    write(database, [], samples(oracle.NOW, 5))
    fold(database, oracle.NOW)
    asks = {parameter.name: parameter for parameter in report.parameters}
    filters_of: list[dict[str, Any]] = [{}, {"client": "address:1"}] if "client" in asks else [{}]
    filters_of += [{"kind": 1}] if "kind" in asks else []
    if report is reports.client:
        filters_of = [{"client": "address:1"}, {"client": "address:1", "kind": 1}]
    for filters in filters_of:
        if "granularity" in asks:
            filters["granularity"] = granularity
        report(database, now=oracle.NOW, start="2026-04-10", end="2026-04-10", **filters)
    day = {"start": oracle.FIRST, "end": oracle.NOW, "edges": [oracle.FIRST, oracle.NOW]}
    anything: dict[str, Any] = {
        "event_type": None,
        "kind": None,
        "error_code": None,
        "client": "address:1",
        "relay": None,
        "limit": 50,
        "top": 9,
    }
    anything |= {"client_no": 0, "clients": [0], "time_zone": "UTC", "search": None, "measure": "bytes", "offset": 0}
    anything |= {"sort": "time", "shapes": ["kinds×1"], "utc_days": [oracle.FIRST.date()]}
    anything |= {"first_day": oracle.FIRST.date(), "last_day": oracle.NOW.date()}
    anything |= {"hours": [1], "firsts": [oracle.FIRST], "lasts": [oracle.NOW], "signs": [1]}
    anything |= {"top": 5, "peaks": 5, "numbers": [1], "period_id": 1}
    anything |= {"steps": [0], "buckets": [oracle.FIRST], "name": "mark", "packed_before": oracle.FIRST}
    anything |= {"days": [1], "measures": ["n"], "since": oracle.FIRST}
    places = {
        name: at
        for kind in ("peak", "busiest")
        for name, at in ((f"{kind}_start", oracle.FIRST), (f"{kind}_end", oracle.NOW))
    }
    assert asked
    for name in asked:
        found = RAW.search(plan(database, name, {**day, **places, **anything}))
        assert (found is not None) == (name in READS_RAW), name


def test_the_latest_errors_are_found_by_their_index(database: Database) -> None:
    oracle.store(database, [refusal(oracle.NOW, "blocked: no")])
    parameters = {
        "start": oracle.FIRST,
        "end": oracle.NOW,
        "event_type": None,
        "error_code": None,
        "kind": None,
        "limit": 50,
    }
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(f"EXPLAIN {load('errors_latest')}".encode(), parameters | {"limit": 50}).fetchall()
    assert any("Index Scan" in row[0] and "timestamp" in row[0] for row in rows)


def test_the_costs_of_shapes_are_found_by_their_days_and_hours(database: Database) -> None:
    parts = {"utc_days": [oracle.FIRST.date()], "firsts": [oracle.FIRST], "lasts": [oracle.NOW]}
    parameters = parts | {"event_type": None, "sort": "time", "limit": 20}
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        rows = connection.execute(f"EXPLAIN {load('shapes')}".encode(), parameters).fetchall()
    for time in ("bucket", "day"):
        assert any("Index Cond" in row[0] and time in row[0] for row in rows)


def test_what_was_sent_of_a_kind_is_found_by_its_packs(database: Database) -> None:
    """And not by its hours, of which there are as many as a kind has been sent."""
    parts = {"hours": [24], "firsts": [oracle.FIRST], "lasts": [oracle.NOW], "signs": [1], "steps": [0]}
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        for name in ("client_kind_packs", "users_of_kind_packed"):
            query = f"EXPLAIN {load(name)}".encode()
            rows = connection.execute(query, {**parts, "kind": 1, "measures": ["n"]}).fetchall()
            assert any("Index Scan" in row[0] and "client_kind_pack_pkey" in row[0] for row in rows), name
            assert not any("client_kind_hour" in row[0] for row in rows), name
