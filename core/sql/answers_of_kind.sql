-- The same as answers_over_time, of EVENT messages of one kind.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `kind` integer.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, rt_n, unanswered, rt_sum
    FROM parts JOIN kind_hour USING (bucket) WHERE hours = 1 AND kind = %(kind)s
    UNION ALL
    SELECT step, sign, rt_n, unanswered, rt_sum
    FROM parts JOIN kind_day USING (day) WHERE hours = 24 AND kind = %(kind)s
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, rt_n, unanswered, rt_sum
    FROM kind_delta WHERE bucket >= %(start)s AND bucket < %(end)s AND kind = %(kind)s
)
SELECT step, 'EVENT' AS event_type, sum(sign * rt_n)::bigint AS answered, sum(sign * unanswered)::bigint AS unanswered,
       sum(sign * rt_sum) AS total_ms
FROM facts
GROUP BY 1
HAVING sum(sign * rt_n) <> 0 OR sum(sign * unanswered) <> 0
