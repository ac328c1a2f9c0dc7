-- EVENT messages per Nostr kind (-1: none could be read), the most frequent first.
-- The range is put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `start`, `end` timestamptz take part. `kind` integer
-- or null.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT sign, kind, n, errors, bytes_in, bytes_out FROM parts JOIN kind_hour USING (bucket) WHERE hours = 1
    UNION ALL
    SELECT sign, kind, n, errors, bytes_in, bytes_out FROM parts JOIN kind_day USING (day) WHERE hours = 24
    UNION ALL
    SELECT 1, kind, n, errors, bytes_in, bytes_out FROM kind_delta WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT kind, sum(sign * n)::bigint AS events, sum(sign * errors)::bigint AS errors,
       sum(sign * bytes_in)::bigint AS bytes_in, sum(sign * bytes_out)::bigint AS bytes_out
FROM facts
WHERE %(kind)s::integer IS NULL OR kind = %(kind)s
GROUP BY 1
HAVING sum(sign * n) <> 0
ORDER BY 2 DESC, 1
