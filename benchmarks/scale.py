"""Two machines into one database, and reports from a streaming standby of it: rates, lag, and the time reports take.

Each machine is a process that stores events as `ingest` does, at a rate and then as fast as it can, into one primary,
which folds beside, every ten seconds. Meanwhile two reports are asked for in turn on standby and primary. Everything
shares the cores of one machine here: the figures tell how far a standby is behind when little or nothing is left over
for it, not how far separate machines go. In the end both servers must give the same sums: those that were written.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.ingest import NOON, made, payloads_of, read
from benchmarks.servers import machine
from core import reports
from core.records import Batch
from core.settings import Settings
from core.storage import partitions
from core.storage.connections import Database
from core.storage.fold import fold
from core.storage.hosts import Host
from core.storage.migrate import migrate
from core.storage.replica import state_of, with_replica
from core.storage.writer import BatchWriter
from ingest.upkeep import FOLD_SECONDS
from tests.support.replication import Pair, streaming_pair

MACHINES = 2
RATES: tuple[int | None, ...] = (5_000, 20_000, None)
"""Events a second of all machines together; None: as many as they can."""
FLUSH_SECONDS = 0.2
"""How often a machine stores what it has; at most MOST events at once."""
MOST = 5_000
POOL = 20
LOOK_SECONDS = 0.1
RESULTS = Path(__file__).parent / "results" / "scale.json"


def write(dsn: str, name: str, rate: float | None, seconds: float, ready: Any, stored: Any) -> None:
    """The writer of one machine. Puts the number of its events into `stored`."""
    random = np.random.default_rng(len(name))
    size = MOST if rate is None else min(MOST, round(rate * FLUSH_SECONDS))
    pool: list[list[Batch]] = list(read([payloads_of(made(size, number + 1, random)) for number in range(POOL)]))
    with Database(dsn) as database, BatchWriter(database, Host(name * 8, name)) as writer:
        writer.write([])
        ready.wait()
        started, events, turn = time.perf_counter(), 0, 0
        while (now := time.perf_counter() - started) < seconds:
            if rate is not None and events / rate > now:
                time.sleep(events / rate - now)
            group = pool[turn % POOL]
            for part, batch in enumerate(group):
                batch.source, batch.sequence = f"tap:relay:0:{name}{started}", turn * 100 + part + 1
            events += writer.write(group).events
            turn += 1
    stored.put(events)


def run(pair: Pair, database: Database, rate: int | None, seconds: float) -> dict[str, Any]:
    """One rate for some seconds."""
    processes, stored = get_context("spawn"), get_context("spawn").Queue()
    lags, told = list[float](), list[float]()
    taken: dict[str, list[float]] = {"replica": [], "primary": []}
    ready, ended = processes.Barrier(MACHINES + 1), threading.Event()
    each = None if rate is None else rate / MACHINES
    writers = [
        processes.Process(target=write, args=(database.dsn, f"host-{n}", each, seconds, ready, stored))
        for n in range(MACHINES)
    ]
    replicated = with_replica(Database(database.dsn), Settings(_env_file=None, database_read_url=pair.standby.dsn("x")))
    assert replicated.replica is not None

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            told.append(state_of(replicated.replica.database).lag)  # type: ignore[union-attr]
            rows = pair.primary.execute("SELECT extract(epoch FROM replay_lag)::float8 FROM pg_stat_replication")
            lags.extend(lag for (lag,) in rows if lag is not None)

    def ask() -> None:
        while not ended.wait(LOOK_SECONDS):
            for name, source in (("replica", replicated), ("primary", database)):
                started = time.perf_counter()
                reports.realtime(source)
                reports.traffic(source, start=NOON.date(), end=NOON.date())
                taken[name].append(1000 * (time.perf_counter() - started))

    def folding() -> None:
        while not ended.wait(FOLD_SECONDS):
            fold(database, NOON)

    threads = [threading.Thread(target=work) for work in (look, ask, folding)]
    for writer in writers:
        writer.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    events = sum(stored.get() for _ in writers)
    spent = time.perf_counter() - started
    ended.set()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.join()
    return {
        "asked_per_second": rate, "events": events, "events_per_second": round(events / spent),
        "replay_lag_seconds": spread(lags, 3), "seconds_since_last_replayed": spread(told, 3),
        "reports_on_replica_ms": spread(taken["replica"], 1), "reports_on_primary_ms": spread(taken["primary"], 1),
    }  # fmt: skip


def spread(values: list[float], digits: int) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), digits), "p95": round(ordered[int(len(ordered) * 0.95)], digits),
        "max": round(ordered[-1], digits),
    }  # fmt: skip


def total(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT sum(n)::bigint FROM traffic_day_current").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--seconds", type=float, default=25, help="How long each rate is kept.")
    parser.add_argument("--save", action="store_true", help=f"Keep the figures as {RESULTS.name}.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="relay-analytics-bench-") as scratch, streaming_pair(Path(scratch)) as pair:
        pair.primary.execute("CREATE DATABASE relay_analytics TEMPLATE template0")
        with Database(pair.primary.dsn("relay_analytics")) as database:
            migrate(database)
            partitions.ensure_days(database, [(NOON + timedelta(days=n)).date() for n in (-1, 0, 1)])
            found = [run(pair, database, rate, given.seconds) for rate in RATES]
            fold(database, datetime.now(UTC))
            pair.caught_up()
            written = sum(one["events"] for one in found)
            sums = {total(server.dsn("relay_analytics")) for server in (pair.primary, pair.standby)}
            assert sums == {written}, (sums, written)
    result = {"machine": machine(), "machines": MACHINES, "rates": found}
    print(json.dumps(result, indent=2))
    if given.save:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
