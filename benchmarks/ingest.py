"""How fast the writer stores events, beside a plain binary COPY of the same rows into a table like it.

Interleaved: in every round one batch goes through the writer and the same rows through COPY, so that both meet the
same machine. One fold of all rounds runs at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from core.records import EVENT_TYPES, Batch, Event
from core.storage import partitions
from core.storage.connections import Database
from core.storage.embedded import EmbeddedServer
from core.storage.fold import fold
from core.storage.migrate import migrate
from core.storage.rollups import ROLLUPS
from core.storage.writer import BatchWriter

RESULTS = Path(__file__).parent / "results"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CLIENTS = 50_000
SHARES = 1 / np.arange(1, CLIENTS + 1) ** 1.1
SHARES /= SHARES.sum()
"""Zipf: the share of each client in the events."""
SPREAD_SECONDS = 10
"""How long a batch's events are apart at most: a batch is what arrived lately."""


def made(size: int, sequence: int, random: np.random.Generator) -> Batch:
    """A batch of `size` events of Zipf-distributed clients; batch 0 holds one event of every client."""
    size = CLIENTS if sequence == 0 else size
    start = int((NOON + timedelta(seconds=SPREAD_SECONDS * sequence)).timestamp() * 1e6)
    times = (np.sort(random.integers(0, SPREAD_SECONDS * 1_000_000, size)) + start).tolist()
    clients = range(CLIENTS) if sequence == 0 else random.choice(CLIENTS, size, p=SHARES).tolist()
    types = random.choice(np.array((*EVENT_TYPES[:2], "CLOSE")), size, p=[0.3, 0.5, 0.2]).tolist()
    answers = random.lognormal(3, 1, size).tolist()
    wrong = (random.random(size) < 0.03).tolist()
    sizes = random.integers(50, 5000, (4, size)).tolist()
    events = [
        Event(
            times[row],
            f"address:{clients[row]:032x}",
            types[row],
            "rejected" if wrong[row] else "ok",
            "blocked" if wrong[row] else None,
            None if types[row] == "CLOSE" else answers[row],
            answers[row] / 2 if types[row] == "REQ" else None,
            bytes_in=sizes[0][row],
            bytes_out=sizes[1][row],
            payload_in=sizes[2][row],
            payload_out=sizes[3][row],
            events_out=3,
            kind=1 if types[row] == "EVENT" else None,
            event_id=random.bytes(32) if types[row] == "EVENT" else None,
            connection=clients[row],
        )
        for row in range(size)
    ]
    return Batch("benchmark", sequence, "relay.example", events, [], [], [])


def copy_out(connection: psycopg.Connection[Any], after: int) -> list[bytes]:
    """The rows stored with an id above `after`, as a client would send them to COPY."""
    statement = f"COPY (SELECT * FROM traffic_events_raw WHERE id > {int(after)}) TO STDOUT (FORMAT BINARY)"
    with connection.cursor().copy(statement.encode()) as copy:
        return [bytes(piece) for piece in copy]


def timed_copy(connection: psycopg.Connection[Any], pieces: list[bytes]) -> float:
    data, step = b"".join(pieces), 256 * 1024
    started = time.perf_counter()
    with connection.transaction(), connection.cursor().copy("COPY plain_raw FROM STDIN (FORMAT BINARY)") as copy:
        for place in range(0, len(data), step):
            copy.write(data[place : place + step])
    return time.perf_counter() - started


def prepare(connection: psycopg.Connection[Any]) -> None:
    """A twin of the raw table with its indexes, without its partitions, for the plain COPY."""
    connection.execute("CREATE TABLE plain_raw (LIKE traffic_events_raw INCLUDING ALL)")


def measure(database: Database, size: int, rounds: int) -> dict[str, Any]:
    random = np.random.default_rng(1)
    written, copied = [], []
    with database.connect(autocommit=True) as connection, BatchWriter(database) as writer:
        migrate(database)
        partitions.ensure(database, NOON)
        prepare(connection)
        newest = 0
        for sequence in range(rounds + 1):
            batch = made(size, sequence, random)
            started = time.perf_counter()
            writer.write([batch])
            seconds = time.perf_counter() - started
            pieces = copy_out(connection, newest)
            row = connection.execute("SELECT max(id) FROM traffic_events_raw").fetchone()
            newest = row[0] if row else 0
            plain = timed_copy(connection, pieces)
            if sequence == 0:  # numbers the clients and warms caches
                fold(database, NOON)
            else:
                written.append(seconds)
                copied.append(plain)
        stored = CLIENTS + size * rounds
        started = time.perf_counter()
        fold(database, NOON)
        folding = time.perf_counter() - started
        bytes_per_event = {
            name: round(relation_size(connection, name) / stored, 1)
            for name in ("plain_raw", *(rollup.name for rollup in ROLLUPS))
        }
    total = sum(written)
    return {
        "batch_rows": size,
        "rounds": rounds,
        "writer_rows_per_second": round(size * rounds / total),
        "copy_rows_per_second": round(size * rounds / sum(copied)),
        "ratio_commit": round(statistics.median(b / a for a, b in zip(written, copied, strict=True)), 3),
        "ratio_with_fold": round(sum(copied) / (total + folding), 3),
        "bytes_per_event_after_one_fold": bytes_per_event,
    }


def relation_size(connection: psycopg.Connection[Any], name: str) -> int:
    row = connection.execute("SELECT pg_total_relation_size(%s::regclass)", [name]).fetchone()
    return int(row[0]) if row else 0


def machine() -> dict[str, Any]:
    return {"cpu_count": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="Events of a batch.")
    parser.add_argument("--rounds", type=int, default=20, help="Measured batches.")
    parser.add_argument("--keep", default="ingest", help="Name of the result file.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as place:
        server = EmbeddedServer(Path(place) / "postgres")
        server.ensure(60)
        try:
            with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench TEMPLATE template0")
                version = connection.info.server_version
            with Database(server.dsn("bench")) as database:
                result = measure(database, given.size, given.rounds)
        finally:
            server.stop()
    result |= {"postgresql": version, **machine()}
    text = json.dumps(result, indent=2) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.keep}.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
