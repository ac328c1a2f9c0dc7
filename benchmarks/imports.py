"""How fast files are imported, beside a plain binary COPY of the same rows into a table like the raw one.

Interleaved: every round imports the same content as each format into an empty database, and copies its rows, encoded
before, in one COPY. `ratio_to_copy` is the median of the rounds' ratios. `memory`: see `import_memory`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.import_memory import access_log, memory
from benchmarks.ingest import RESULTS, made
from benchmarks.servers import database, machine, server
from core import export
from core.settings import Settings
from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from core.storage.migrate import migrate
from core.storage.writer import BatchWriter
from ingest.imports.importing import Importer

FORMATS = ("ndjson", "csv", "parquet")


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
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="Rows of each file.")
    parser.add_argument("--rounds", type=int, default=3, help="Rounds.")
    parser.add_argument("--memory-rows", type=int, default=250_000, help="Rows of each shorter file for its memory.")
    given = parser.parse_args()
    with server() as running, tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as scratch:
        result: dict[str, Any] = measure(running, given.rows, given.rounds)
        result["memory"] = memory(running, Path(scratch), given.memory_rows)
    text = json.dumps(result | machine(), indent=2) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "import.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
