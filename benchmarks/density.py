"""Whether reports get slower with more events per client and bucket: two histories of as many clients, hours and event
types, one with ten times the events of the other. Cost shall grow with buckets and clients, not with events.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import shape_history
from benchmarks.history import Size, fill, finish
from benchmarks.reports import NOW, RESULTS, ZONES, questions, timed
from benchmarks.servers import database as database_of
from benchmarks.servers import machine, server
from core import reports
from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate

REPEATS = 10
"""Events of the dense history for each one of the other."""
ROUNDS = 25
LENGTHS = (30, 90)


def open_history(running: EmbeddedServer, size: Size, console: Console) -> Database:
    """The history of this size, made if there is none."""
    with database_of(running, size.name) as (database, new):
        migrate(database)  # a kept history may be older
        if new:
            started = time.perf_counter()
            fill(database, size, lambda text: console.print(f"history of {size.events}: {text}"))
            console.print(f"history: {size.events} events in {time.perf_counter() - started:.0f} s")
        finish(database)
        shape_history.fill(database)
    return Database(running.dsn(size.name))


def measure(sparse: Database, dense: Database, name: str, arguments: dict[str, Any]) -> dict[str, float]:
    """Median milliseconds over both histories, called in turn so that both meet the same disturbances."""
    report = reports.REPORTS[name.partition(" ")[0]]
    times: dict[Database, list[float]] = {sparse: [], dense: []}
    for warming in (True, False):
        for _ in range(8 if warming else ROUNDS):
            for database, found in times.items():
                once = timed(lambda: report(database, now=NOW, **arguments), 1)  # noqa: B023 (called at once)
                found += [] if warming else once
    before, after = (statistics.median(times[database]) for database in (sparse, dense))
    return {"sparse_ms": round(before, 1), "dense_ms": round(after, 1), "ratio": round(after / before, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=Size.events // 2, help="Events of the dense history.")
    parser.add_argument("--clients", type=int, default=Size.clients)
    parser.add_argument("--data", type=Path, help="Directory that keeps the histories for the next run.")
    given = parser.parse_args()
    console = Console()
    sizes = (
        Size(given.events // REPEATS, clients=given.clients),
        Size(given.events, clients=given.clients, repeats=REPEATS),
    )
    found: dict[str, dict[str, float]] = {}
    with server(given.data) as running:
        sparse, dense = (open_history(running, size, console) for size in sizes)
        with sparse, dense:
            for days in LENGTHS:
                for zone in ZONES:
                    for name, arguments in questions(zone, days).items():
                        found[f"{name}, {days} d, {zone}"] = measure(sparse, dense, name, arguments)
            found["realtime"] = measure(sparse, dense, "realtime", {})
    result = {"sparse_events": sizes[0].events, "dense_events": sizes[1].events, "reports": found} | machine()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "density.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table("Report", f"{sizes[0].events:,} events", f"{sizes[1].events:,} events", "ratio")
    for name, times in found.items():
        table.add_row(name, f"{times['sparse_ms']:.1f}", f"{times['dense_ms']:.1f}", f"{times['ratio']:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
