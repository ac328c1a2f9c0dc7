"""How long every report takes over the history of a large relay: cold, warm, and beside the same question of raw rows.

`--events` sets the size. The history is made once per run, or once for all runs where `--data` keeps its directory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import shape_history
from benchmarks.history import END, Size, fill, finish
from benchmarks.servers import database as database_of
from benchmarks.servers import machine, server
from core import reports
from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate
from core.storage.rollups import ROLLUPS

RESULTS = Path(__file__).parent / "results"
REPEATS = 20
OF_KINDS = ("users", "response_times", "errors", "bandwidth", "clients")
ZONES = ("UTC", "Europe/Berlin")
NOW = END - timedelta(seconds=30)
BUSY = f"address:{0:032x}"
"""The client that sends most."""

RAW = {
    "traffic": """
        SELECT date_trunc('day', "timestamp"), event_type_id, count(*), sum(bytes_in), sum(bytes_out),
               count(*) FILTER (WHERE error_code_id <> 0)
        FROM traffic_events_raw WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s GROUP BY 1, 2""",
    "response_times": """
        SELECT date_trunc('day', "timestamp"),
               percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY response_time_ms)
        FROM traffic_events_raw WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s GROUP BY 1""",
    "errors": """
        SELECT date_trunc('day', "timestamp"), error_code_id, count(*)
        FROM traffic_events_raw WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s GROUP BY 1, 2""",
    "users": """
        SELECT date_trunc('day', "timestamp"), count(DISTINCT client_no)
        FROM traffic_events_raw WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s GROUP BY 1""",
    "clients": """
        SELECT client_no, count(*) FROM traffic_events_raw
        WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s GROUP BY 1 ORDER BY 2 DESC LIMIT 100""",
    "client": """
        SELECT date_trunc('day', "timestamp"), count(*),
               percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY response_time_ms)
        FROM traffic_events_raw
        WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND client_no = 0 GROUP BY 1""",
}
"""The heart of a report, asked of the raw rows."""


def questions(zone: str, days: int) -> dict[str, dict[str, Any]]:
    """The arguments of every report over the last `days` days, as a page would ask it."""
    last = END.date() - timedelta(days=1)
    found: dict[str, dict[str, Any]] = {}
    for name, report in reports.REPORTS.items():
        takes = {parameter.name for parameter in report.parameters}
        if "start" not in takes:  # this history tells no shapes
            continue
        arguments: dict[str, Any] = {"start": last - timedelta(days=days - 1), "end": last, "time_zone": zone}
        if "client" in takes and name == "client":
            arguments["client"] = BUSY
        found[name] = arguments
        if "kind" in takes and name in OF_KINDS:
            found[f"{name} of kind 1"] = arguments | {"kind": 1}
    return found


def timed(call: Callable[[], object], repeats: int) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return times


def measure_reports(running: EmbeddedServer, database: Database, days: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for length in days:
        for zone in ZONES:
            for name, arguments in questions(zone, length).items():
                found[f"{name}, {length} d, {zone}"] = measure(running, database, name, arguments)
    found["realtime"] = measure(running, database, "realtime", {})
    return found


def measure(running: EmbeddedServer, database: Database, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """`cold_ms`: the first call after the server started anew (its own cache empty, that of the system not)."""
    report = reports.REPORTS[name.partition(" ")[0]]
    database.close()
    running.stop()
    running.ensure(300)
    with Database(running.dsn(database.name)) as fresh:
        fresh.read("SELECT 1 AS one")
        [cold] = timed(lambda: report(fresh, now=NOW, **arguments), 1)
        report(fresh, now=NOW, **arguments)
        times = timed(lambda: report(fresh, now=NOW, **arguments), REPEATS)
    return {
        "cold_ms": round(cold, 1),
        "p50_ms": round(statistics.median(times), 1),
        "p95_ms": round(sorted(times)[int(0.95 * (len(times) - 1) + 0.5)], 1),
    }


def measure_raw(database: Database, days: int) -> dict[str, float]:
    parameters = {"start": END - timedelta(days=days), "end": END}
    found = {}
    for name, query in RAW.items():
        with database.connect() as connection:
            found[name] = round(timed(lambda: connection.execute(query.encode(), parameters).fetchall(), 1)[0], 1)  # noqa: B023 (called at once)
    return found


def sizes(database: Database, events: int) -> dict[str, float]:
    """Bytes per event of the raw rows and of each roll-up, indexes included."""
    names = [rollup.name for rollup in ROLLUPS] + [
        "client_span",
        "client_pack",
        "client_kind_pack",
        "latency_pack",
        "shape_hour",
        "shape_day",
        "active_day",
        "active_hour",
    ]
    found = {}
    with database.connect() as connection:
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
            " WHERE inhparent = 'traffic_events_raw'::regclass"
        ).fetchone()
        found["traffic_events_raw"] = round(float(row[0] or 0) / events, 1) if row else 0.0
        for name in names:
            size = connection.execute("SELECT pg_total_relation_size(to_regclass(%s))", [name]).fetchone()
            found[name] = round(float(size[0] or 0) / events, 2) if size else 0.0
    return found


def shown(result: dict[str, Any]) -> Table:
    table = Table("Report", "cold", "p50", "p95", "raw rows", "raw / p50")
    for name, times in result["reports"].items():
        report, _, rest = name.partition(", ")
        raw = result["raw_ms"].get(report) if rest == f"{result['raw_days']} d, UTC" else None
        table.add_row(
            name, *(f"{times[key]:.1f}" for key in ("cold_ms", "p50_ms", "p95_ms")),
            f"{raw:.0f}" if raw else "", f"{raw / times['p50_ms']:.0f}" if raw else "",
        )  # fmt: skip
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=Size.events, help="Events of the history.")
    parser.add_argument("--days", type=int, default=Size.days)
    parser.add_argument("--clients", type=int, default=Size.clients)
    parser.add_argument("--data", type=Path, help="Directory that keeps the history for the next run.")
    parser.add_argument("--keep", default="reports", help="Name of the result file.")
    given = parser.parse_args()
    size = Size(given.events, given.days, given.clients)
    console = Console()
    with server(given.data) as running:
        with database_of(running, size.name) as (database, new):
            migrate(database)  # a kept history may be older
            if new:
                started = time.perf_counter()
                fill(database, size, lambda text: console.print(f"history: {text}"))
                console.print(f"history: {size.events} events in {time.perf_counter() - started:.0f} s")
            finish(database)
            shape_history.fill(database)
            lengths = tuple(days for days in (30, 90) if days <= size.days)
            result: dict[str, Any] = {"events": size.events, "days": size.days, "clients": size.clients}
            result["raw_days"] = lengths[0]
            result["bytes_per_event"] = sizes(database, size.events)
            result["raw_ms"] = measure_raw(database, lengths[0])
        result["reports"] = measure_reports(running, database, lengths)
    result |= machine()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.keep}.json").write_text(json.dumps(result, indent=2) + "\n")
    console.print(shown(result))
    console.print(result["bytes_per_event"])


if __name__ == "__main__":
    main()
