"""How fast raw events leave the database as files, beside COPY TO STDOUT of the same rows, and in how much memory.

Each measurement is a process of its own, so that its peak of memory is its own; formats and baselines take turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.history import END, Size, fill
from benchmarks.servers import database as database_of
from benchmarks.servers import machine, server
from core import export
from core.sql import load
from core.storage.connections import Database
from core.storage.migrate import migrate

RESULTS = Path(__file__).parent / "results"
ROUNDS = 3
BARE = 'SELECT * FROM traffic_events_raw WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s'
FILTERS = dict.fromkeys(("event_type", "kind", "client", "error_code"))


def copied(database: Database, query: str, days: int, options: str) -> None:
    """COPY TO STDOUT as a client would read it, a day at a time as the export does."""
    with database.connect() as connection:
        for day in range(days):
            end = END - timedelta(days=day)
            parameters = {"start": end - timedelta(days=1), "end": end, **FILTERS}
            with connection.cursor().copy(f"COPY ({query}) TO STDOUT {options}".encode(), parameters) as copy:
                for _ in copy:
                    pass


def written(database: Database, file_format: str, days: int) -> None:
    for _ in export.raw_events(database, END - timedelta(days=days), END, file_format):
        pass


WAYS: dict[str, Callable[[Database, int], None]] = {
    "COPY of the raw table, text": lambda database, days: copied(database, BARE, days, ""),
    "COPY of the raw table, binary": lambda database, days: copied(database, BARE, days, "(FORMAT binary)"),
    "COPY of the same query, csv": lambda database, days: copied(database, load("raw_events"), days, "(FORMAT csv)"),
    **{
        f"export {name}": lambda database, days, name=name: written(database, name, days)  # type: ignore[misc]
        for name in export.FORMATS
    },
}


def alone(dsn: str, way: str, days: int) -> dict[str, float]:
    """One measurement in a new process."""
    command = [sys.executable, "-m", "benchmarks.export", "--one", way, "--dsn", dsn, "--days", str(days)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def one(dsn: str, way: str, days: int) -> None:
    with Database(dsn) as database:
        started = time.perf_counter()
        WAYS[way](database, days)
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def measure(dsn: str, rows: int, days: int) -> dict[str, Any]:
    times: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            times[way].append(alone(dsn, way, days))
    seconds = {way: statistics.median(one["seconds"] for one in found) for way, found in times.items()}
    query, bare = seconds["COPY of the same query, csv"], seconds["COPY of the raw table, text"]
    return {
        way: {
            "rows_per_second": round(rows / seconds[way]),
            "of_copy_of_the_same_query": round(query / seconds[way], 2),
            "of_copy_of_the_raw_table": round(bare / seconds[way], 2),
            "peak_mib": round(max(one["peak_mib"] for one in found), 1),
        }
        for way, found in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=Size.events, help="Events of the history.")
    parser.add_argument("--days", type=int, default=22, help="Days to export; 22 of the default history are 5 million.")
    parser.add_argument("--data", type=Path, help="Directory that keeps the history for the next run.")
    parser.add_argument("--keep", default="export", help="Name of the result file.")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--dsn", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.dsn, given.one, given.days)
        return
    size = Size(given.events)
    with (
        server(given.data) as running,
        database_of(running, size.name) as (database, new),
    ):
        migrate(database)
        if new:
            fill(database, size)
        rows = int(
            database.read(
                'SELECT count(*) AS n FROM traffic_events_raw WHERE "timestamp" >= %s',
                [END - timedelta(days=given.days)],
            )["n"].iloc[0]
        )
        result: dict[str, Any] = {"rows": rows, "ways": measure(database.dsn, rows, given.days)} | machine()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.keep}.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table("Way", "rows/s", "of COPY of the same query", "of COPY of the raw table", "peak MiB")
    for way, found in result["ways"].items():
        table.add_row(way, *(str(value) for value in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
