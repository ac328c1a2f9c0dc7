-- Bytes of EVENT messages of one kind and of their answers per bucket (its number), otherwise as bandwidth_over_time.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `kind` integer.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, n, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN kind_hour USING (bucket) WHERE hours = 1 AND kind = %(kind)s
    UNION ALL
    SELECT step, sign, n, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN kind_day USING (day) WHERE hours = 24 AND kind = %(kind)s
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, n, bytes_in, bytes_out, payload_in, payload_out
    FROM kind_delta WHERE bucket >= %(start)s AND bucket < %(end)s AND kind = %(kind)s
)
SELECT step, 'EVENT' AS event_type, sum(sign * bytes_in)::bigint AS bytes_in, sum(sign * bytes_out)::bigint AS bytes_out,
       sum(sign * payload_in)::bigint AS payload_in, sum(sign * payload_out)::bigint AS payload_out
FROM facts
GROUP BY 1
-- what was only taken away again is not of the range
HAVING sum(sign * n) <> 0
