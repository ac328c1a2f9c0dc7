-- Answered EVENT messages of one kind per bucket (its number), in the form of latency_packed: one row holds all bins.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `kind` integer.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, bin, n FROM parts JOIN kind_latency_hour USING (bucket) WHERE hours = 1 AND kind = %(kind)s
    UNION ALL
    SELECT step, sign, bin, n FROM parts JOIN kind_latency_day USING (day) WHERE hours = 24 AND kind = %(kind)s
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, bin, n
    FROM kind_latency_delta WHERE bucket >= %(start)s AND bucket < %(end)s AND kind = %(kind)s
)
SELECT step, sign, string_agg(int2send(bin::smallint) || int8send(n), ''::bytea) AS bins
FROM facts
GROUP BY 1, 2
