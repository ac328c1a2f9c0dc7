"""The fold: moves what writers appended to the delta tables into the roll-ups. Reports stay the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from core.storage import (
    active_clients,
    client_bins,
    client_days,
    client_deltas,
    client_kind_packs,
    client_packs,
    connection_minutes,
    hour_totals,
    latency_packs,
    ledger,
    partitions,
)
from core.storage.connections import Database
from core.storage.rollups import (
    CLIENT_KIND,
    CLIENTS,
    DELTAS,
    HOUR,
    ROLLUPS,
    TRAFFIC_SECOND,
    Delta,
    Rollup,
    bucket_of,
    primary_key,
    total_sql,
    unpacked_sql,
)

LOCK = 7_130_003


@dataclass(frozen=True)
class FoldResult:
    """`folded`: no other process was folding; `moved`: rows per delta."""

    folded: bool
    moved: dict[str, int]
    pruned: int = 0


def fold(database: Database, now: datetime) -> FoldResult:
    """Merge all deltas, build the clients' days and longer blocks that ended before `now`, prune
    short-lived roll-ups, and keep partitions around `now`. To be called every ten seconds or so, by any number of
    processes; one works, others return.

    Raises DatabaseUnavailableError.
    """
    moved: dict[str, int] = {}
    with database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if not row or not row[0]:
            return FoldResult(False, moved)
        try:
            for delta in DELTAS:
                if delta is CLIENTS:
                    moved[delta.name] = _merge_clients(connection, now)
                    continue
                with connection.transaction():
                    moved[delta.name], (hours, *more) = _merge(connection, delta)
                    if delta is CLIENT_KIND:
                        client_kind_packs.build(connection, more[0], now)
                    if delta in latency_packs.SOURCES:
                        latency_packs.build(connection, latency_packs.SOURCES[delta], hours, now)
                    if delta is TRAFFIC_SECOND:
                        hour_totals.build(connection, hours)
            with connection.transaction():
                moved["connection_minute"] = connection_minutes.roll_up(connection, now)
            with connection.transaction():
                moved["batches"] = ledger.compact(connection, now)
            pruned = sum(_prune(connection, rollup, now) for rollup in ROLLUPS)
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    partitions.ensure(database, now)
    partitions.adopt(database)
    return FoldResult(True, moved, pruned)


def fold_sql(delta: Delta) -> str:
    """Move all rows of a delta (of clients: what `client_deltas` took) into the roll-ups it feeds; returns the count
    moved and the hours touched; of clients also the keys of rows of client_hour and client_day that must be packed, and
    of their kinds what came late."""
    parts = {rollup.name: _insert_sql(rollup) for rollup in ROLLUPS if rollup.delta is delta and not rollup.closed}
    results = "(SELECT count(*) FROM moved), array(SELECT DISTINCT " + HOUR.sql(delta.grain.column) + " FROM moved)"
    if delta is CLIENTS:
        parts["client_day"] = client_days.late_days_sql("moved")
        parts |= {f"blocks_{length}": client_days.late_blocks_sql("moved", length) for length in client_days.LENGTHS}
        active = active_clients.merge_sql("moved", "merged_active_bits")
        parts |= dict(zip(("active_bits", "active_hour", "active_day"), active, strict=True))
        parts["first_seen"] = EARLIER_FIRST_SEEN
        for table in client_bins.KEYS:
            results += f", {client_bins.long_rows_sql(f'merged_{table}', table)}"
    ctes = ",".join(f"\n        merged_{name} AS ({part})" for name, part in parts.items())
    if delta is CLIENT_KIND:
        results += f", {client_kind_packs.late_sql('gone')}"
    # DELETE, never TRUNCATE: rows that writers commit meanwhile stay for the next fold, and nobody waits.
    gone = f"DELETE FROM {delta.table} RETURNING *"
    moved = f"moved AS ({gone})"
    if delta is CLIENTS:
        moved = f"moved AS ({client_deltas.MERGED_SQL})"
    elif delta.packed:
        moved = f"gone AS ({gone}), moved AS ({unpacked_sql(delta, 'gone')})"
    return f"""
        WITH {moved},{ctes}
        SELECT {results}"""


EARLIER_FIRST_SEEN = """
            UPDATE clients c SET first_seen = late.first_at
            FROM (SELECT client_no, min(first_at) AS first_at FROM moved GROUP BY client_no) late
            WHERE c.client_no = late.client_no AND late.first_at < c.first_seen"""


def _insert_sql(rollup: Rollup) -> str:
    name, key = rollup.name, ", ".join(primary_key(rollup))
    keys = ", ".join((bucket_of(rollup, rollup.delta), *rollup.keys))
    columns = ", ".join(rollup.columns)
    sums = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in rollup.measures)
    added = ", ".join(f"{measure} = {name}.{measure} + excluded.{measure}" for measure in rollup.measures)
    # by time, so that a fold of many hours leaves them in places of their own, where a BRIN index finds them
    order = ", ".join(str(number) for number in range(1, len(rollup.key_columns) + 1))
    if rollup.sketch:
        # what `client_deltas` took is summed by these keys
        sums, grouped = f"{', '.join(rollup.measures)}, last_at, {client_bins.COLUMNS}", ""
        columns += f", last_at, {client_bins.COLUMNS}"
        added += f", last_at = greatest({name}.last_at, excluded.last_at), {client_bins.appended_sql(name)}"
        returned = f"RETURNING {key}, {client_bins.SIZE} AS size"
    else:
        grouped, returned = f"GROUP BY {keys}", ""
    return f"""
            INSERT INTO {name} ({columns})
            SELECT {keys}, {sums} FROM moved {grouped} ORDER BY {order}
            ON CONFLICT ({key}) DO UPDATE SET {added} {returned}"""


def _merge(connection: psycopg.Connection[Any], delta: Delta) -> tuple[int, tuple[Any, ...]]:
    row: tuple[Any, ...] = connection.execute(fold_sql(delta).encode(), binary=True).fetchone() or (0, [])
    return int(row[0]), row[1:]


def _merge_clients(connection: psycopg.Connection[Any], now: datetime) -> int:
    """In one transaction, or several when much has waited. How many rows there were."""
    rows, more = 0, True
    while more:
        with connection.transaction():
            taken, more = client_deltas.take(connection)
            _, (hours, *long) = _merge(connection, CLIENTS)
            for table, keys in zip(client_bins.KEYS, long, strict=True):
                if keys:
                    connection.execute(client_bins.pack_sql(table).encode(), {"keys": Jsonb(keys)})
            client_days.build(connection, now)
            client_packs.build(connection, hours, now)
        rows += taken
    return rows


def _prune(connection: psycopg.Connection[Any], rollup: Rollup, now: datetime) -> int:
    """Remove what is older than the roll-up keeps; remembers from where on it is complete."""
    if rollup.keep is None:
        return 0
    oldest = (now.astimezone(UTC) - rollup.keep).replace(second=0, microsecond=0)
    with connection.transaction():
        gone = connection.execute(f"DELETE FROM {rollup.name} WHERE bucket < %s".encode(), [oldest])
        remember(connection, f"{rollup.name}_from", oldest)
    return gone.rowcount


def remember(connection: psycopg.Connection[Any], name: str, moment: datetime) -> None:
    """Keep the latest such moment under a name of `settings_store`."""
    connection.execute(
        "INSERT INTO settings_store VALUES (%(name)s, to_jsonb(%(at)s::timestamptz)) ON CONFLICT (name) DO UPDATE"
        " SET value = to_jsonb(greatest((settings_store.value #>> '{}')::timestamptz, %(at)s))",
        {"name": name, "at": moment},
    )


def recall(connection: psycopg.Connection[Any], name: str) -> datetime | None:
    row = connection.execute(
        "SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = %s", [name]
    ).fetchone()
    return row[0] if row else None
