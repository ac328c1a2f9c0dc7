"""How fast the ingest worker's path stores events, beside a plain binary COPY of the same rows into a table like it.

Interleaved: every round sends some groups of events through the writer (the next group is prepared while one is stored,
as `ingest.writer` does), then the same rows through COPY, pre-encoded, and through psycopg's `write_row`, a transaction
per group each. Then groups are written for a while with the fold running beside, every ten seconds, as in `ingest`.

The writer starts from what it reads in production, the payloads of a spool, in batches as the recorder makes them
(`ratio_to_copy`), and once more from records (`from_records`), as an importer gives them. Making payloads is the work
of the producer: it is measured apart, beside the encoding of records that it replaces (`payloads`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.servers import database, machine, server
from core.records import EVENT_TYPES, Batch, Event, decode_batch, encode_batch
from core.storage import partitions
from core.storage.ahead import ahead
from core.storage.connections import Database
from core.storage.fold import fold
from core.storage.migrate import migrate
from core.storage.payloads import decode_payload, encode_payload
from core.storage.rollups import ROLLUPS
from core.storage.writer import BatchWriter
from ingest.recorder import BATCH_RECORDS
from ingest.upkeep import FOLD_SECONDS
from ingest.writer import GROUP_EVENTS

SIZES = (10_000, 50_000)
EVENTS_PER_ROUND = 200_000
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


PIECE = 256 * 1024
COLUMN_TYPES = """SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
                  WHERE attrelid = 'plain_raw'::regclass AND attnum > 0 ORDER BY attnum"""


Group = Sequence[bytes]
"""The payloads of one transaction."""


def payloads_of(batch: Batch) -> Group:
    """A batch as a recorder keeps it: in several of at most BATCH_RECORDS."""
    return [
        encode_payload(
            Batch(batch.source, batch.sequence * 1000 + part, batch.relay, batch.events[start : start + BATCH_RECORDS],
                  [], [], [])
        )
        for part, start in enumerate(range(0, len(batch.events), BATCH_RECORDS))
    ]  # fmt: skip


def read(groups: Iterable[Group]) -> Iterable[list[Batch]]:
    """The batches of the groups; read one after another in the caller's thread, as from a spool."""
    return ([decode_payload(payload) for payload in group] for group in groups)


def stored(writer: BatchWriter, groups: Iterable[Sequence[Batch]]) -> float:
    """Seconds for groups through the writer."""
    started = time.perf_counter()
    with closing(ahead(groups, writer.prepare)) as prepared_groups:
        for _, prepared in prepared_groups:
            writer.store(prepared.result())
    return time.perf_counter() - started


def payload_costs(batch: Batch, times: int = 20) -> dict[str, float]:
    """CPU microseconds per event: making payloads and reading them, with columns and as records."""
    events = len(batch.events)

    def cost(work: Callable[[], object]) -> float:
        work()
        started = time.process_time()
        for _ in range(times):
            work()
        return round((time.process_time() - started) / times / events * 1e6, 3)

    columns, records = encode_payload(batch), encode_batch(batch)
    return {
        "encode_columns_us": cost(lambda: encode_payload(batch)),
        "encode_records_us": cost(lambda: encode_batch(batch)),
        "decode_columns_us": cost(lambda: decode_payload(columns)),
        "decode_records_us": cost(lambda: decode_batch(records)),
        "columns_bytes": round(len(columns) / events, 1),
        "records_bytes": round(len(records) / events, 1),
    }


def encoded_rows(connection: psycopg.Connection[Any], after: int, size: int) -> list[bytes]:
    """What was stored with an id above `after`, by groups of `size`, as a client would send it to COPY."""
    found = []
    for start in range(after, newest(connection), size):
        statement = f"""COPY (SELECT * FROM traffic_events_raw WHERE id > {start} AND id <= {start + size} ORDER BY id)
                        TO STDOUT (FORMAT BINARY)"""
        with connection.cursor().copy(statement.encode()) as copy:
            found.append(b"".join(bytes(piece) for piece in copy))
    return found


def copied(connection: psycopg.Connection[Any], groups: Sequence[bytes]) -> float:
    """Seconds for pre-encoded groups."""
    started = time.perf_counter()
    for data in groups:
        with connection.transaction(), connection.cursor().copy("COPY plain_raw FROM STDIN (FORMAT BINARY)") as copy:
            for place in range(0, len(data), PIECE):
                copy.write(data[place : place + PIECE])
    return time.perf_counter() - started


def written_by_row(connection: psycopg.Connection[Any], after: int, size: int) -> float:
    """Seconds for the same rows as Python values, given to psycopg one by one."""
    types = [kind for _, kind in connection.execute(COLUMN_TYPES).fetchall()]
    groups = [
        connection.execute(
            "SELECT * FROM traffic_events_raw WHERE id > %s AND id <= %s ORDER BY id", [start, start + size]
        ).fetchall()
        for start in range(after, newest(connection), size)
    ]
    started = time.perf_counter()
    for rows in groups:
        with connection.transaction(), connection.cursor().copy("COPY plain_raw FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    return time.perf_counter() - started


def newest(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT coalesce(max(id), 0) FROM traffic_events_raw").fetchone()
    return int(row[0]) if row else 0


def commit_path(
    opened: Database, writer: BatchWriter, size: int, rounds: int, sequence: int, random: np.random.Generator
) -> tuple[dict[str, Any], int]:
    """The writer and both kinds of COPY in turn; also returns the next sequence."""
    groups = EVENTS_PER_ROUND // size
    seconds: dict[str, list[float]] = {"records": [], "writer": [], "copy": [], "write_row": []}
    with opened.connect(autocommit=True) as connection:
        for _ in range(rounds):
            batches = [made(size, sequence + place, random) for place in range(groups)]
            sequence += groups
            payloads = [payloads_of(batch) for batch in batches]
            seconds["records"].append(stored(writer, ([batch] for batch in batches)))
            del batches
            fold(opened, NOON)
            before = newest(connection)
            seconds["writer"].append(stored(writer, read(payloads)))
            seconds["copy"].append(copied(connection, encoded_rows(connection, before, size)))
            seconds["write_row"].append(written_by_row(connection, before, size))
            connection.execute("TRUNCATE plain_raw")
            fold(opened, NOON)
    return {
        "group_events": size,
        "rounds": rounds,
        "events_per_round": EVENTS_PER_ROUND,
        **{
            f"{name}_rows_per_second": round(EVENTS_PER_ROUND / statistics.median(each))
            for name, each in seconds.items()
        },
        "ratio_to_copy": ratio(seconds["copy"], seconds["writer"]),
        "ratio_to_write_row": ratio(seconds["write_row"], seconds["writer"]),
        "from_records": ratio(seconds["copy"], seconds["records"]),
    }, sequence


def ratio(baseline: Sequence[float], measured: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(baseline, measured, strict=True)), 3)


def sustained(
    opened: Database, writer: BatchWriter, size: int, seconds: float, sequence: int, random: np.random.Generator
) -> dict[str, Any]:
    """Groups for as long as told, folds beside them and one at the end, all in the time that counts; COPY before and
    after. The events are used several times over, each time as new batches."""
    pool = [payloads_of(made(size, sequence + place, random)) for place in range(EVENTS_PER_ROUND // size)]
    folds: list[float] = []
    ended = threading.Event()

    def folding() -> None:
        while not ended.wait(FOLD_SECONDS):
            started = time.perf_counter()
            fold(opened, NOON)
            folds.append(time.perf_counter() - started)

    with opened.connect(autocommit=True) as connection:
        before = newest(connection)
        stored(writer, read(pool))
        rows = encoded_rows(connection, before, size)
        plain = [copied(connection, rows) for _ in range(3)]
        fold(opened, NOON)
        thread = threading.Thread(target=folding)
        groups = 0

        def fed() -> Iterable[list[Batch]]:
            nonlocal groups
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                batches = [decode_payload(payload) for payload in pool[groups % len(pool)]]
                groups += 1
                for part, batch in enumerate(batches):
                    batch.source, batch.sequence = "sustained", groups * 1000 + part
                yield batches

        started = time.perf_counter()
        thread.start()
        stored(writer, fed())
        ended.set()
        thread.join()
        fold(opened, NOON)
        total = time.perf_counter() - started
        connection.execute("TRUNCATE plain_raw")
        plain += [copied(connection, rows) for _ in range(3)]
    rate = size * groups / total
    return {
        "group_events": size,
        "events": size * groups,
        "seconds": round(total, 1),
        "fold_every_seconds": FOLD_SECONDS,
        "fold_seconds": [round(each, 2) for each in folds],
        "rows_per_second": round(rate),
        "ratio_to_copy": round(rate * statistics.median(plain) / EVENTS_PER_ROUND, 3),
    }


def measure(opened: Database, rounds: int, seconds: float) -> dict[str, Any]:
    random = np.random.default_rng(1)
    with opened.connect(autocommit=True) as connection, BatchWriter(opened) as writer:
        migrate(opened)
        partitions.ensure(opened, NOON)
        # A twin of the raw table with its indexes, without its partitions, for the plain COPY.
        connection.execute("CREATE TABLE plain_raw (LIKE traffic_events_raw INCLUDING ALL)")
        writer.write([made(0, 0, random)])  # numbers the clients
        fold(opened, NOON)
        sequence, commit = 1, []
        for size in SIZES:
            found, sequence = commit_path(opened, writer, size, rounds, sequence, random)
            commit.append(found)
        costs = payload_costs(made(BATCH_RECORDS, sequence, random))
        lasting = sustained(opened, writer, GROUP_EVENTS, seconds, sequence, random)
        result = {"payloads": costs, "commit_path": commit, "sustained": lasting}
        rows = newest(connection)
        result["bytes_per_event"] = {
            name: round(relation_size(connection, name) / rows, 1)
            for name in ("traffic_events_raw", *(rollup.name for rollup in ROLLUPS))
        }
    return result


def relation_size(connection: psycopg.Connection[Any], name: str) -> int:
    row = connection.execute(
        """SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s::regclass)""", [name]
    ).fetchone()
    return int(row[0] or 0) if row else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="Rounds per size of group.")
    parser.add_argument("--seconds", type=float, default=30, help="How long to write with the fold running beside.")
    parser.add_argument("--keep", default="ingest", help="Name of the result file.")
    given = parser.parse_args()
    with server() as running, database(running, "bench") as (opened, _):
        with opened.connect() as connection:
            version = connection.info.server_version
        result = measure(opened, given.rounds, given.seconds)
    result |= {"postgresql": version, **machine()}
    text = json.dumps(result, indent=2) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{given.keep}.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
