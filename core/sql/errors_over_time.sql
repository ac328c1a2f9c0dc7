-- Messages that went wrong per bucket (its number), event type and error code.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `event_type`, `error_code` text or null.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, event_type_id, error_code_id, n FROM parts JOIN error_hour USING (bucket) WHERE hours = 1
    UNION ALL
    SELECT step, sign, event_type_id, error_code_id, n FROM parts JOIN error_day USING (day) WHERE hours = 24
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, event_type_id, error_code_id, n
    FROM error_delta WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT step, t.name AS event_type, c.name AS error_code, sum(sign * n)::bigint AS errors
FROM facts JOIN event_types t USING (event_type_id) JOIN error_codes c USING (error_code_id)
WHERE (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
  AND (%(error_code)s::text IS NULL OR c.name = %(error_code)s)
GROUP BY 1, 2, 3
HAVING sum(sign * n) <> 0
