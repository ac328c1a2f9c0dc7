-- Messages that were answered and how long that took in all (ms), and those that were not, per bucket (its number) and
-- event type.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `event_type` text or null.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, event_type_id, rt_n, unanswered, rt_sum FROM parts JOIN traffic_hour USING (bucket) WHERE hours = 1
    UNION ALL
    SELECT step, sign, event_type_id, rt_n, unanswered, rt_sum FROM parts JOIN traffic_day USING (day) WHERE hours = 24
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, event_type_id, rt_n, unanswered, rt_sum
    FROM traffic_hour_delta WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT step, t.name AS event_type, sum(sign * rt_n)::bigint AS answered, sum(sign * unanswered)::bigint AS unanswered,
       sum(sign * rt_sum) AS total_ms
FROM facts JOIN event_types t USING (event_type_id)
WHERE event_type_id <> 0 AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
HAVING sum(sign * rt_n) <> 0 OR sum(sign * unanswered) <> 0
