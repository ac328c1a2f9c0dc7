"""What is made of roll-ups, against them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from core import kept_hours
from core.storage import (
    active_clients,
    client_days,
    client_packs,
    hour_totals,
    latency_packs,
)
from core.storage.rollups import HOUR, MESSAGES
from core.storage.spans import midnight
from core.storage.verifying.difference import DAY, Difference, day_of, difference, kept_from


def blocks(connection: psycopg.Connection[Any], limit: int) -> list[Difference]:
    """The blocks that are built against client_day (which is compared with raw rows itself)."""
    mark = client_days.built_before(connection)
    keys = client_days.SPAN_KEYS
    differs = " OR ".join(f"stored.{measure} IS DISTINCT FROM recount.{measure}" for measure in MESSAGES)
    both = ", ".join(f"stored.{measure}, recount.{measure}" for measure in MESSAGES)
    recount = " UNION ALL ".join(
        f"({client_days.blocks_sql(length, 'client_day', f'day < %(upto_{length})s')})"
        for length in client_days.LENGTHS
    )
    rows = connection.execute(
        f"""WITH recount ({keys}, {", ".join(MESSAGES)}) AS ({recount})
            SELECT {keys}, {both} FROM client_span stored FULL JOIN recount USING ({keys})
            WHERE {differs} ORDER BY {keys} LIMIT %(limit)s""".encode(),
        {"limit": limit} | {f"upto_{length}": client_days.block_start(mark, length) for length in client_days.LENGTHS},
    )
    return [difference("client_span", row[:5], MESSAGES, row[5::2], row[6::2]) for row in rows.fetchall()]


def hour_totals_of(connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int) -> list[Difference]:
    """Totals and busiest minutes of hours against the merged minutes (which are compared with raw rows themselves)."""
    within = "bucket >= %(start)s AND bucket < %(end)s"
    span = {"start": kept_from(connection, day_of(start), "traffic_minute_from"), "end": end, "limit": limit}
    row = connection.execute(
        f"""SELECT array(SELECT DISTINCT {HOUR.sql("bucket")} FROM traffic_minute WHERE {within}
                         UNION SELECT bucket FROM traffic_hour_total WHERE {within})""".encode(),
        span,
    ).fetchone()
    differs = " OR ".join(f"stored.{name} IS DISTINCT FROM recount.{name}" for name in hour_totals.MEASURES)
    both = ", ".join(f"stored.{name}, recount.{name}" for name in hour_totals.MEASURES)
    rows = connection.execute(
        f"""WITH stored AS (SELECT * FROM traffic_hour_total WHERE bucket = ANY(%(hours)s)),
            recount (bucket, event_type_id, {", ".join(hour_totals.MEASURES)}) AS ({hour_totals.RECOUNT})
            SELECT bucket, event_type_id, {both} FROM stored FULL JOIN recount USING (bucket, event_type_id)
            WHERE {differs} ORDER BY 1, 2 LIMIT %(limit)s""".encode(),
        span | {"hours": row[0] if row else []},
    )
    return [
        difference("traffic_hour_total", row[:2], hour_totals.MEASURES, row[2::2], row[3::2]) for row in rows.fetchall()
    ]


def packs_of_clients(connection: psycopg.Connection[Any], limit: int) -> list[Difference]:
    """The packs of clients, but of days that are due, against the rows that they are made of (compared themselves)."""
    mark = client_packs.packed_before(connection)
    if mark.date() == client_days.NEVER:
        return []
    rows = f"""
        {client_packs.DAYS}
        UNION ALL {client_packs.BLOCKS}
        UNION ALL {client_packs.HOURS} WHERE bucket >= %(today)s AND bucket < %(mark)s
        UNION ALL {" UNION ALL ".join(client_packs.so_far(n, f"%(first_{n})s") for n in client_days.LENGTHS)}"""
    firsts = {f"first_{n}": client_days.block_start(mark.date(), n) for n in client_days.LENGTHS}
    due = "NOT EXISTS (SELECT FROM client_pack_due d WHERE d.day >= one.day AND d.day < one.day + one.days)"
    found = connection.execute(
        f"""WITH stored AS (SELECT * FROM client_pack one WHERE {due}),
                 recount AS (SELECT * FROM ({client_packs.packs_sql(rows)}) one WHERE {due})
            SELECT days, day, event_type_id, measure, length(stored.numbers), length(recount.numbers)
            FROM stored FULL JOIN recount USING (days, event_type_id, measure, day)
            WHERE stored.numbers IS DISTINCT FROM recount.numbers ORDER BY 1, 2, 3, 4 LIMIT %(limit)s""".encode(),
        {"today": midnight(mark.date()), "mark": mark, "limit": limit} | firsts,
    )
    return [Difference("client_pack", row[:4], {"bytes": (row[4], row[5])}) for row in found.fetchall()]


def packs_of_latency(
    connection: psycopg.Connection[Any], source: latency_packs.Source, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """The packs against the roll-up that they are made of (which is compared with raw rows itself)."""
    mark = latency_packs.packed_before(connection, source)
    lower, upper = day_of(start), day_of(end) if day_of(end) == end else day_of(end) + DAY
    # negative: what is no latency of an event type
    kind = f"event_type_id {f'= {source.event_type}' if source.event_type.startswith('-') else '>= 0'}"
    rows = connection.execute(
        f"""WITH recount AS ({latency_packs.packs_sql(source, 1, "bucket >= %(start)s AND bucket < %(hour)s")}
                             UNION ALL
                             {latency_packs.packs_sql(source, 24, "bucket >= %(start)s AND bucket < %(day)s")}),
                 stored AS (SELECT * FROM latency_pack WHERE {kind} AND bucket >= %(start)s AND bucket < %(end)s)
            SELECT hours, bucket, event_type_id, relay_id, length(stored.bins), length(recount.bins),
                   stored.total, recount.total
            FROM stored FULL JOIN recount USING (hours, bucket, event_type_id, relay_id)
            WHERE stored.bins IS DISTINCT FROM recount.bins OR stored.total IS DISTINCT FROM recount.total
            ORDER BY 1, 2, 3, 4 LIMIT %(limit)s""".encode(),
        {"start": lower, "end": upper, "hour": min(mark, upper), "day": min(day_of(mark), upper), "limit": limit},
    )
    return [
        Difference("latency_pack", row[:4], {"bytes": row[4:6]} | ({"total": row[6:8]} if row[6] != row[7] else {}))
        for row in rows.fetchall()
    ]


def active_bits(
    connection: psycopg.Connection[Any], table: str, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """The bits of whole UTC days around [start, end) against the merged hours and days of clients."""
    column, source = active_clients.TABLES[table]
    lower = kept_from(connection, day_of(start), kept_hours.MARK) if table == "active_hour" else day_of(start)
    upper = day_of(end) if day_of(end) == end else day_of(end) + DAY
    inside = f"{column} >= %(start)s AND {column} < %(end)s"
    keys = f"{column}, event_type_id, chunk"
    nobody = f"0::bit({active_clients.CHUNK})"
    statement = f"""
        WITH stored AS (SELECT {keys}, bits FROM {table} WHERE {inside}),
        recount AS ({active_clients.bits_sql(column, source, inside)}),
        compared AS (
            SELECT {keys}, coalesce(stored.bits, {nobody}) AS had, coalesce(recount.bits, {nobody}) AS due
            FROM stored FULL JOIN recount USING ({keys}))
        SELECT {keys}, bit_count(due & ~had), bit_count(had & ~due) FROM compared
        WHERE had <> due ORDER BY {keys} LIMIT %(limit)s"""
    rows = connection.execute(statement.encode(), {"start": lower, "end": upper, "limit": limit})
    return [
        Difference(
            table,
            row[:3],
            {name: (n, 0) for name, n in (("missing clients", row[3]), ("surplus clients", row[4])) if n},
        )
        for row in rows.fetchall()
    ]
