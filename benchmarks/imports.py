"""How fast files are imported, beside a plain binary COPY of the same rows into a table like the raw one.

Interleaved: every round imports the same content as each format into an empty database, and copies its rows, encoded
before, in one COPY. `ratio_to_copy` is the median of the rounds' ratios. `peak_memory_mib`: what a process of its own
has at most while it imports a file, and one that is ten times as long.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.ingest import NOON, RESULTS, made
from benchmarks.servers import database, machine, server
from core import export
from core.settings import Settings
from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate
from core.storage.writer import BatchWriter
from ingest.imports.importing import Importer

PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
FORMATS = ("ndjson", "csv", "parquet")


def access_log(path: Path, lines: int) -> None:
    """An access log in the documented format, of 50,000 addresses."""
    random = np.random.default_rng(1)
    clients, sizes = random.integers(0, 50_000, lines).tolist(), random.integers(100, 10**6, (2, lines)).tolist()
    start = int(NOON.timestamp())
    with path.open("w") as file:
        file.writelines(
            f"10.{client >> 16}.{client >> 8 & 255}.{client & 255} - - [10/Mar/2026:12:00:00 +0000] "
            f'"GET / HTTP/1.1" 101 {sizes[0][n]} "-" "bot/{client % 20}" '
            f"msec={start + n * 0.01:.3f} request_time={client % 3600}.500 "
            f'bytes_sent={sizes[0][n]} upstream_bytes_sent="{sizes[1][n]}" connection={n} host="relay.example" '
            'origin="-" forwarded="-"\n'
            for n, client in enumerate(clients)
        )


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def copy_out(opened: Database, table: str) -> bytes:
    statement = f"COPY {table} TO STDOUT (FORMAT binary)".encode()
    with opened.connect() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(bytes(part) for part in copy)


def copy_in(opened: Database, table: str, rows: bytes) -> None:
    statement = f"COPY {table} FROM STDIN (FORMAT binary)".encode()
    with opened.connect() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def measured(running: EmbeddedServer, name: str, path: Path, settings: Settings, table: str) -> dict[str, float]:
    """Seconds of one import, and of the COPY of what it stored, into a twin of its table with the same indexes."""
    with database(running, name) as (opened, _):
        migrate(opened)
        seconds = timed(lambda: Importer(opened, settings, relay="relay.example").run(str(path)))
        with opened.connect(autocommit=True) as connection:
            connection.execute(f"CREATE TABLE plain (LIKE {table} INCLUDING ALL)".encode())
        rows = copy_out(opened, f"(SELECT * FROM {table})")
        plain = timed(lambda: copy_in(opened, "plain", rows))
    with psycopg.connect(running.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    return {"seconds": seconds, "plain": plain}


def peak_mib(running: EmbeddedServer, path: Path, directory: Path) -> int:
    """Most memory of `relay-analytics import` for this file, in MiB, as the kernel counted it."""
    peak = 0
    with database(running, "import_memory") as (opened, _):
        migrate(opened)
        environment = {**os.environ, "DATABASE_URL": opened.dsn, "DATA_DIR": str(directory), "DEMO": "off"}
        command = [
            str(Path(sys.executable).parent / "relay-analytics"),
            "import",
            str(path),
            "--relay",
            "relay.example",
        ]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:  # not getrusage: a child begins with the peak of the process it was forked from
            found = PEAK.search(Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(found[1]) if found else 0)
            time.sleep(0.02)
    with psycopg.connect(running.dsn("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE import_memory WITH (FORCE)")
    if process.returncode:
        raise RuntimeError("the import failed")
    return round(peak / 1024)


def memory(running: EmbeddedServer, place: Path, rows: int) -> dict[str, dict[str, int]]:
    """By format: the memory for the file, and for one that is ten times as long."""
    found: dict[str, dict[str, int]] = {}
    (place / "ndjson-long").write_bytes((place / "ndjson").read_bytes() * 10)
    access_log(place / "nginx-long", rows * 10)
    for name in ("ndjson", "nginx"):
        found[name] = {
            "rows": peak_mib(running, place / name, place / "data"),
            "ten_times_the_rows": peak_mib(running, place / f"{name}-long", place / "data"),
        }
    return found


def measure(running: EmbeddedServer, rows: int, rounds: int) -> dict[str, Any]:
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as scratch:
        place = Path(scratch)
        settings = Settings(_env_file=None, data_dir=place / "data")
        with database(running, "origin") as (origin, _), BatchWriter(origin) as writer:
            migrate(origin)
            for sequence in range(1, rows // 10_000 + 1):
                writer.write([made(10_000, sequence, random)])
            for file_format in FORMATS:
                with (place / file_format).open("wb") as file:
                    file.writelines(export.raw_events(origin, "2026-03-09", "2026-03-20", file_format))
        access_log(place / "nginx", rows)
        tables = dict.fromkeys(FORMATS, "traffic_events_raw") | {"nginx": "connections_raw"}
        found: dict[str, list[dict[str, float]]] = {name: [] for name in tables}
        for number in range(rounds):
            for name, table in tables.items():
                found[name].append(measured(running, f"import_{name}_{number}", place / name, settings, table))
        figures: dict[str, Any] = {
            name: {
                "rows": rows,
                "bytes": (place / name).stat().st_size,
                "rows_per_second": round(rows / statistics.median(one["seconds"] for one in each)),
                "copy_rows_per_second": round(rows / statistics.median(one["plain"] for one in each)),
                "ratio_to_copy": round(statistics.median(one["plain"] / one["seconds"] for one in each), 3),
            }
            for name, each in found.items()
        }
        return figures | {"peak_memory_mib": memory(running, place, rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="Rows of each file.")
    parser.add_argument("--rounds", type=int, default=3, help="Rounds.")
    given = parser.parse_args()
    with server() as running:
        result: dict[str, Any] = measure(running, given.rows, given.rounds)
    text = json.dumps(result | machine(), indent=2) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "import.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
