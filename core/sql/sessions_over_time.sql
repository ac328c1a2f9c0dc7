-- Connections that ended, per bucket (its number) by how long they had lasted: one row per bucket, its bins of lengths and
-- their counts packed as integers of 4 and 8 bytes, since there are many.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `relay` text or null.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, relay_id, duration_bin, n, duration_ms FROM parts JOIN session_hour USING (bucket) WHERE hours = 1
    UNION ALL
    SELECT step, sign, relay_id, duration_bin, n, duration_ms FROM parts JOIN session_day USING (day) WHERE hours = 24
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, relay_id, duration_bin, n, duration_ms
    FROM session_delta WHERE bucket >= %(start)s AND bucket < %(end)s
), bins AS (
    SELECT step, duration_bin, sum(sign * n)::bigint AS n, sum(sign * duration_ms)::bigint AS duration_ms
    FROM facts
    WHERE %(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s)
    GROUP BY 1, 2
    HAVING sum(sign * n) <> 0
)
SELECT step, string_agg(int4send(duration_bin), ''::bytea) AS bins, string_agg(int8send(n), ''::bytea) AS counts,
       sum(duration_ms)::bigint AS duration_ms
FROM bins
GROUP BY step
