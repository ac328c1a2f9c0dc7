"""How long calls of the API take with 50 callers at once, beside the report's own time, and how fast a large export is
beside COPY TO STDOUT of the same rows."""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from api.parameters import api_name
from benchmarks.callers import call_for, download
from benchmarks.export import alone
from benchmarks.history import END, Size, fill
from benchmarks.reports import BUSY, NOW, questions, timed
from benchmarks.servers import database as database_of
from benchmarks.servers import machine, server
from core.accounts import tokens, users
from core.reports import REPORTS
from core.storage.connections import Database
from core.storage.migrate import migrate

RESULTS = Path(__file__).parent / "results"
PREFIX = "/api/v1/analytics"
CALLERS = 50
SECONDS = 4.0
"""How long the callers call each endpoint."""
OWN_REPEATS = 7
DAYS = 30
COPY = "COPY of the same query, csv"


@contextmanager
def api(database: Database) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The API as a process of its own, without a limit of calls: its port and process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    settings = {"DATABASE_URL": database.dsn, "DEMO": "off", "API_PORT": str(port), "API_RATE_LIMIT": "off"}
    environment = {**os.environ, **settings, "LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "api"], env=environment)
    try:
        for _ in range(300):
            try:
                urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)
        yield port, process
    finally:
        process.terminate()
        process.wait()


def endpoints() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Path → the report behind it and its arguments."""
    found: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for name, arguments in questions("UTC", DAYS).items():
        query = urlencode({api_name(key): value for key, value in arguments.items()})
        found[f"/reports/{name}"] = (f"{PREFIX}/reports/{name}?{query}", name, arguments)
    days = {"start": arguments["start"], "end": arguments["end"], "time_zone": "UTC"}
    query = urlencode({api_name(key): value for key, value in days.items()})
    found["/clients"] = (f"{PREFIX}/clients?{query}", "clients", days)
    found["/clients/{client_id}/metrics"] = (
        f"{PREFIX}/clients/{quote(BUSY)}/metrics?{query}", "client", days | {"client": BUSY},
    )  # fmt: skip
    found["/billing/{period}"] = (f"{PREFIX}/billing/2026-03", "billing", {"month": "2026-03", "time_zone": "UTC"})
    found["/dashboard/realtime"] = (f"{PREFIX}/dashboard/realtime", "realtime", {})
    return found


def measure_calls(database: Database, port: int, token: str, seconds: float, callers: int) -> dict[str, Any]:
    found = {}
    for name, (path, report, arguments) in endpoints().items():
        own = timed(lambda: REPORTS[report](database, now=NOW, **arguments), OWN_REPEATS)  # noqa: B023 (called at once)
        one = call_for(seconds / 4, 1, port, path, token)
        many = call_for(seconds, callers, port, path, token)
        if one.failed or many.failed:
            raise AssertionError(f"{path}: {one.failed + many.failed} calls failed")
        found[name] = {
            "report_p50_ms": round(statistics.median(own), 1),
            "alone_p50_ms": round(one.percentile(0.5), 1),
            "together_p50_ms": round(many.percentile(0.5), 1),
            "together_p95_ms": round(many.percentile(0.95), 1),
            "calls_per_second": round(len(many.seconds) / many.elapsed),
        }
    return found


def measure_export(
    database: Database, port: int, process: subprocess.Popen[bytes], token: str, days: int
) -> dict[str, Any]:
    """The API's CSV export and COPY in turns. `peak_mib`: resident memory of the API, before and during exports."""
    first, last = END - timedelta(days=days), END - timedelta(days=1)
    query = urlencode({"start_date": first.date(), "end_date": last.date(), "tz": "UTC", "metadata": "true"})
    path = f"{PREFIX}/export/csv?{query}"
    rows = int(
        database.read('SELECT count(*) AS n FROM traffic_events_raw WHERE "timestamp" >= %s', [first])["n"].iloc[0]
    )
    before = peak(process.pid)
    times: dict[str, list[float]] = {"export csv": [], COPY: []}
    for _ in range(3):
        started = time.perf_counter()
        size = download(port, path, token)
        times["export csv"].append(time.perf_counter() - started)
        times[COPY].append(alone(database.dsn, COPY, days)["seconds"])
    seconds = {name: statistics.median(found) for name, found in times.items()}
    return {
        "rows": rows,
        "megabytes": round(size / 1e6, 1),
        "rows_per_second": {name: round(rows / taken) for name, taken in seconds.items()},
        "of_copy": round(seconds[COPY] / seconds["export csv"], 2),
        "api_peak_mib": {"before": before, "during": peak(process.pid)},
    }


def peak(pid: int) -> float:
    """The most resident memory a process has had, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)


def token_of(database: Database) -> str:
    now = datetime.now(UTC)
    users.ensure_admin(database, now)
    return tokens.issue(database, "admin", now)


def save(file: Path, result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(result | machine(), indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=Size.events, help="Events of the history.")
    parser.add_argument("--history-days", type=int, default=Size.days, help="Days of the history.")
    parser.add_argument("--clients", type=int, default=Size.clients, help="Clients of the history.")
    parser.add_argument("--days", type=int, default=22, help="Days to export; 22 of the default history are 5 million.")
    parser.add_argument("--data", type=Path, help="Directory that keeps the history for the next run.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="How long each endpoint is called.")
    parser.add_argument("--only", choices=("calls", "export"), help="One part; the other keeps its figures.")
    parser.add_argument("--keep", default="api", help="Name of the result file.")
    given = parser.parse_args()
    size = Size(given.events, given.history_days, given.clients)
    file = RESULTS / f"{given.keep}.json"
    result: dict[str, Any] = json.loads(file.read_text()) if given.only and file.exists() else {}
    with (
        server(given.data) as running,
        database_of(running, f"history_{size.events}_{size.days}_{size.clients}") as (database, new),
    ):
        migrate(database)
        if new:
            fill(database, size)
        token = token_of(database)
        if given.only != "calls":
            with api(database) as (port, process):
                result["export"] = measure_export(database, port, process, token, given.days)
            save(file, result)
        if given.only != "export":
            with api(database) as (port, _):
                calls = measure_calls(database, port, token, given.seconds, CALLERS)
            stored = int(database.read("SELECT count(*) AS n FROM traffic_events_raw")["n"].iloc[0])
            about = {"events": stored, "history_days": size.days, "clients": size.clients}
            result |= about | {"callers": CALLERS, "days": DAYS, "calls": calls}
            save(file, result)
    table = Table("Endpoint", "report", "alone", "together p50", "p95 (ms)", "calls/s")
    for name, found in result.get("calls", {}).items():
        table.add_row(name, *(str(value) for value in found.values()))
    Console().print(table)
    Console().print(result.get("export"))


if __name__ == "__main__":
    main()
