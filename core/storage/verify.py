"""Whether the roll-ups equal a recount from the raw rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from core.storage import (
    active_clients,
    client_days,
    client_packs,
    connection_hours,
    connection_minutes,
    hour_totals,
    latency_packs,
    shape_hours,
)
from core.storage.connections import Database
from core.storage.fold import recall
from core.storage.rollups import (
    FACTS_SQL,
    HOUR,
    MESSAGES,
    ROLLUPS,
    SESSION,
    SESSION_FACTS_SQL,
    TAKES_SQL,
    Rollup,
    total_sql,
)

EVER = (datetime(1999, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC))
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Difference:
    """A roll-up row that is not what the raw rows say. The values are (stored, recounted), None: no such row."""

    rollup: str
    key: tuple[Any, ...]
    values: dict[str, tuple[Any, Any]]


def verify(
    database: Database, *, start: datetime | None = None, end: datetime | None = None, limit: int = 1000
) -> list[Difference]:
    """Recount every roll-up from the raw rows of [start, end), widened to whole UTC days, in one snapshot.

    Leaves out what cannot be recounted because retention removed it. At most `limit` differences per roll-up.
    Raises DatabaseUnavailableError.
    """
    first, last = start or EVER[0], end or EVER[1]
    with database.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = []
        for rollup in ROLLUPS:
            lower, upper = _recountable(connection, rollup.name, first, last)
            if lower < upper:
                found += _compare(connection, rollup, lower, upper, limit)
                if rollup.sketch:
                    found += _compare_client_latency(connection, rollup, lower, upper, limit)
        found += _compare_blocks(connection, limit)
        found += _compare_client_packs(connection, limit)
        found += _compare_hour_totals(connection, first, last, limit)
        for source in latency_packs.SOURCES.values():
            found += _compare_packs(connection, source, first, last, limit)
        for table in active_clients.TABLES:
            found += _compare_active_clients(connection, table, first, last, limit)
        found += _compare_connection_hours(connection, first, last, limit)
        lower, upper = _recountable(connection, "shape_hour", first, last)
        found += _compare_shape_hours(connection, lower, upper, limit)
        return found + _compare_connection_minutes(connection, first, last, limit)


def _recountable(
    connection: psycopg.Connection[Any], name: str, first: datetime, last: datetime
) -> tuple[datetime, datetime]:
    """Whole days around [first, last) that raw rows and the roll-up of this name both still hold."""
    known_from = [recall(connection, mark) for mark in ("raw_from", f"{name}_from")]
    lower = max([_day(first), *(moment for moment in known_from if moment is not None)])
    return lower, _day(last) if _day(last) == last else _day(last) + DAY


def _compare(
    connection: psycopg.Connection[Any], rollup: Rollup, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    keys = ", ".join(rollup.key_columns)
    sums = ", ".join(f"{total_sql(measure)} AS {measure}" for measure in rollup.measures)
    stored = [f"stored.{measure}" for measure in rollup.measures]
    recount = [f"recount.{measure}" for measure in rollup.measures]
    differs = " OR ".join(f"{a} IS DISTINCT FROM {b}" for a, b in zip(stored, recount, strict=True))
    bucket = rollup.grain.column
    facts = SESSION_FACTS_SQL if rollup.delta is SESSION else FACTS_SQL
    statement = f"""
        WITH stored AS (
            SELECT {keys}, {sums} FROM {rollup.current}
            WHERE {bucket} >= %(start)s AND {bucket} < %(end)s GROUP BY {keys}
        ), facts AS ({facts}), counted AS (
            SELECT {rollup.grain.sql('"timestamp"')} AS {bucket}, {", ".join((*rollup.keys, *rollup.measures))}
            FROM facts WHERE {TAKES_SQL[rollup.delta.takes]}
        ), recount AS (SELECT {keys}, {sums} FROM counted GROUP BY {keys})
        SELECT {keys}, {", ".join((*stored, *recount))} FROM stored FULL JOIN recount USING ({keys})
        WHERE {differs} ORDER BY {keys} LIMIT %(limit)s"""
    rows = connection.execute(statement.encode(), {"start": start, "end": end, "limit": limit}).fetchall()
    width, half = len(rollup.key_columns), len(rollup.measures)
    return [
        Difference(
            rollup.name,
            row[:width],
            {
                measure: (row[width + place], row[width + half + place])
                for place, measure in enumerate(rollup.measures)
                if row[width + place] != row[width + half + place]
            },
        )
        for row in rows
    ]


def _compare_client_latency(
    connection: psycopg.Connection[Any], rollup: Rollup, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Each client's bins of each hour or day against its answered raw rows."""
    bucket = rollup.grain.column
    keys = f"{bucket}, relay_id, client_no, event_type_id, bin"
    rows = connection.execute(
        f"""WITH stored AS (
                SELECT {keys}, sum(n)::bigint AS n FROM {rollup.name}_latency
                WHERE {bucket} >= %(start)s AND {bucket} < %(end)s GROUP BY {keys}
            ), facts AS ({FACTS_SQL}), recount AS (
                SELECT {rollup.grain.sql('"timestamp"')} AS {bucket}, relay_id, client_no, event_type_id, bin,
                       sum(n)::bigint AS n
                FROM facts WHERE bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5
            )
            SELECT {keys}, stored.n, recount.n FROM stored FULL JOIN recount USING ({keys})
            WHERE stored.n IS DISTINCT FROM recount.n ORDER BY {keys} LIMIT %(limit)s""".encode(),
        {"start": start, "end": end, "limit": limit},
    )
    return [Difference(f"{rollup.name}_latency", row[:5], {"n": (row[5], row[6])}) for row in rows.fetchall()]


def _compare_blocks(connection: psycopg.Connection[Any], limit: int) -> list[Difference]:
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
    return [
        Difference(
            "client_span",
            row[:5],
            {
                measure: (row[5 + 2 * place], row[6 + 2 * place])
                for place, measure in enumerate(MESSAGES)
                if row[5 + 2 * place] != row[6 + 2 * place]
            },
        )
        for row in rows.fetchall()
    ]


def _compare_hour_totals(
    connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Totals and busiest minutes of hours against the merged minutes (which are compared with raw rows themselves)."""
    within = "bucket >= %(start)s AND bucket < %(end)s"
    span = {"start": _kept_from(connection, _day(start), "traffic_minute_from"), "end": end, "limit": limit}
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
        Difference(
            "traffic_hour_total",
            row[:2],
            {
                name: (row[2 + 2 * place], row[3 + 2 * place])
                for place, name in enumerate(hour_totals.MEASURES)
                if row[2 + 2 * place] != row[3 + 2 * place]
            },
        )
        for row in rows.fetchall()
    ]


def _compare_client_packs(connection: psycopg.Connection[Any], limit: int) -> list[Difference]:
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
        {"today": client_packs.midnight(mark.date()), "mark": mark, "limit": limit} | firsts,
    )
    return [Difference("client_pack", row[:4], {"bytes": (row[4], row[5])}) for row in found.fetchall()]


def _compare_packs(
    connection: psycopg.Connection[Any], source: latency_packs.Source, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """The packs against the roll-up that they are made of (which is compared with raw rows itself)."""
    mark = latency_packs.packed_before(connection, source)
    lower, upper = _day(start), _day(end) if _day(end) == end else _day(end) + DAY
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
        {"start": lower, "end": upper, "hour": min(mark, upper), "day": min(_day(mark), upper), "limit": limit},
    )
    return [
        Difference("latency_pack", row[:4], {"bytes": row[4:6]} | ({"total": row[6:8]} if row[6] != row[7] else {}))
        for row in rows.fetchall()
    ]


def _compare_shape_hours(
    connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Costs of query shapes against the raw rows, in hours that do not wait to be counted."""
    keys, names = "bucket, relay_id, event_type_id, shape", shape_hours.MEASURES
    both = ", ".join(f"stored.{name}, recount.{name}" for name in names)
    differs = " OR ".join(f"stored.{name} IS DISTINCT FROM recount.{name}" for name in names)
    rows = connection.execute(
        f"""WITH stored AS (SELECT * FROM shape_hour WHERE bucket >= %(start)s AND bucket < %(end)s),
                 recount AS ({shape_hours.RECOUNT}), due AS ({shape_hours.DUE})
            SELECT {keys}, {both} FROM stored FULL JOIN recount USING ({keys})
            WHERE ({differs}) AND bucket NOT IN (SELECT bucket FROM due) ORDER BY {keys} LIMIT %(limit)s""".encode(),
        {"start": start, "end": end, "before": end, "limit": limit},
    )
    return [
        Difference(
            "shape_hour",
            row[:4],
            {
                name: (row[4 + 2 * place], row[5 + 2 * place])
                for place, name in enumerate(names)
                if row[4 + 2 * place] != row[5 + 2 * place]
            },
        )
        for row in rows.fetchall()
    ]


def _compare_active_clients(
    connection: psycopg.Connection[Any], table: str, start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """The bits of whole UTC days around [start, end) against the merged hours and days of clients."""
    column, source = active_clients.TABLES[table]
    upper = _day(end) if _day(end) == end else _day(end) + DAY
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
    rows = connection.execute(statement.encode(), {"start": _day(start), "end": upper, "limit": limit})
    return [
        Difference(
            table,
            row[:3],
            {name: (n, 0) for name, n in (("missing clients", row[3]), ("surplus clients", row[4])) if n},
        )
        for row in rows.fetchall()
    ]


MINUTE_MEASURES = (
    "seconds", "active_sum", "peak_connections", "opened", "closed", "events", "frames_out", "bytes_in", "bytes_out",
)  # fmt: skip
HOST_MEASURES = ("cpu_percent", "memory_percent", "disk_percent")


def _compare_connection_minutes(
    connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Counts of each minute against its samples, but for minutes noted to be counted anew and means of the host."""
    lower = _kept_from(connection, start, "raw_from", "samples_from", "connection_minute_from")
    within = {"lower": lower, "end": end}
    due = sorted(
        bucket
        for (bucket,) in connection.execute(
            """SELECT bucket FROM connection_minute
               UNION SELECT date_bin('1 minute', "timestamp", timestamptz '2000-01-01 00:00:00+00')
               FROM connection_metrics_raw WHERE "timestamp" >= %(lower)s AND "timestamp" < %(end)s
               EXCEPT SELECT bucket FROM connection_minute_due""",
            within,
        )
        if lower <= bucket < end
    )
    if not due:
        return []
    stored = [f"stored.{measure}" for measure in MINUTE_MEASURES]
    recount = [f"recount.{measure}" for measure in MINUTE_MEASURES]
    differs = " OR ".join(f"{a} IS DISTINCT FROM {b}" for a, b in zip(stored, recount, strict=True))
    statement = f"""
        WITH stored AS (SELECT * FROM connection_minute WHERE bucket = ANY(%(due)s)),
        recount (bucket, relay_id, {", ".join((*MINUTE_MEASURES, *HOST_MEASURES))}) AS ({connection_minutes.RECOUNT})
        SELECT bucket, relay_id, {", ".join((*stored, *recount))} FROM stored FULL JOIN recount USING (bucket, relay_id)
        WHERE {differs} ORDER BY bucket, relay_id LIMIT %(limit)s"""
    rows = connection.execute(statement.encode(), {"due": due, "first": due[0], "last": due[-1], "limit": limit})
    count = len(MINUTE_MEASURES)
    return [
        Difference(
            "connection_minute",
            row[:2],
            {
                measure: (row[2 + place], row[2 + count + place])
                for place, measure in enumerate(MINUTE_MEASURES)
                if row[2 + place] != row[2 + count + place]
            },
        )
        for row in rows.fetchall()
    ]


def _compare_connection_hours(
    connection: psycopg.Connection[Any], start: datetime, end: datetime, limit: int
) -> list[Difference]:
    """Hours against the counted minutes (which are compared with samples themselves)."""
    within = "bucket >= %(start)s AND bucket < %(end)s"
    span = {"start": _kept_from(connection, _day(start), "connection_minute_from"), "end": end, "limit": limit}
    row = connection.execute(
        f"""SELECT array(SELECT DISTINCT {HOUR.sql("bucket")} FROM connection_minute WHERE {within}
                         UNION SELECT bucket FROM connection_hour WHERE {within})""".encode(),
        span,
    ).fetchone()
    names = connection_hours.MEASURES
    both = ", ".join(f"stored.{name}, recount.{name}" for name in names)
    differs = " OR ".join(
        # sums of floating point depend on the order of addition in their last digits
        f"CASE WHEN stored.{name} IS NULL OR recount.{name} IS NULL THEN num_nulls(stored.{name}, recount.{name}) = 1"
        f" ELSE abs(stored.{name} - recount.{name}) > 1e-9 * abs(recount.{name}) END"
        for name in names
    )
    rows = connection.execute(
        f"""WITH stored AS (SELECT * FROM connection_hour WHERE bucket = ANY(%(hours)s)),
            recount AS ({connection_hours.RECOUNT})
            SELECT bucket, relay_id, {both} FROM stored FULL JOIN recount USING (bucket, relay_id)
            WHERE {differs} ORDER BY 1, 2 LIMIT %(limit)s""".encode(),
        span | {"hours": row[0] if row else []},
    )
    return [
        Difference(
            "connection_hour",
            row[:2],
            {
                name: (row[2 + 2 * place], row[3 + 2 * place])
                for place, name in enumerate(names)
                if row[2 + 2 * place] != row[3 + 2 * place]
            },
        )
        for row in rows.fetchall()
    ]


def _kept_from(connection: psycopg.Connection[Any], start: datetime, *marks: str) -> datetime:
    """The latest of a start and of the moments from which on retention has kept what the marks are about."""
    known = [recall(connection, mark) for mark in marks]
    return max([start, *(moment for moment in known if moment is not None)])


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
