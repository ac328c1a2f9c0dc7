"""Response times of each client by UTC day: the latency bins of a day in one row, so that rare clients cost little.

A row per client, day and bin would cost 66 bytes an event where most clients send little; arrays cost a third of that.
"""

from __future__ import annotations

from core.storage.rollups import DAY

KEYS = "client_no, day, relay_id, event_type_id"

CURRENT = f"""
SELECT l.client_no, l.day, l.relay_id, l.event_type_id, b.bin, b.n
FROM client_latency_day l, unnest(l.bins, l.counts) AS b (bin, n)
UNION ALL
SELECT d.client_no, {DAY.sql("d.bucket")} AS day, d.relay_id, d.event_type_id, b.bin, 1 AS n
FROM client_delta d, unnest(d.bins) AS b (bin)"""
"""What the view `client_latency_day_current` is: one row per bin, to be summed."""


def merge_sql(source: str) -> str:
    """Statement that merges the bins of delta rows into the days of their clients, for the fold."""
    day = DAY.sql("bucket")
    return f"""
            INSERT INTO client_latency_day ({KEYS}, bins, counts)
            SELECT {KEYS}, array_agg(bin), array_agg(n)
            FROM (
                SELECT {KEYS}, bin, sum(n)::integer AS n
                FROM (
                    SELECT client_no, {day} AS day, relay_id, event_type_id, b.bin, 1 AS n
                    FROM {source}, unnest(bins) AS b (bin)
                    UNION ALL
                    SELECT l.client_no, l.day, l.relay_id, l.event_type_id, b.bin, b.n
                    FROM (SELECT DISTINCT client_no, {day} AS day, relay_id, event_type_id
                          FROM {source} WHERE bins IS NOT NULL) touched
                    JOIN client_latency_day l USING ({KEYS}), unnest(l.bins, l.counts) AS b (bin, n)
                ) parts
                GROUP BY {KEYS}, bin
            ) bins
            GROUP BY {KEYS} ORDER BY {KEYS}
            ON CONFLICT ({KEYS}) DO UPDATE SET bins = excluded.bins, counts = excluded.counts"""
