-- Bytes per bucket (its number) and event type, DELIVERY included.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[]; of what is not merged yet, `edges` timestamptz[], `start`, `end` timestamptz
-- take part. `event_type` text or null.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, event_type_id, n, events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN traffic_hour USING (bucket) WHERE hours = 1
    UNION ALL
    SELECT step, sign, event_type_id, n, events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN traffic_day USING (day) WHERE hours = 24
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, event_type_id, n, events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM traffic_hour_delta WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT step, t.name AS event_type, sum(sign * bytes_in)::bigint AS bytes_in, sum(sign * bytes_out)::bigint AS bytes_out,
       sum(sign * payload_in)::bigint AS payload_in, sum(sign * payload_out)::bigint AS payload_out
FROM facts JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
GROUP BY 1, 2
-- what was only taken away again is no event type of the range
HAVING sum(sign * n) <> 0 OR sum(sign * (events_out + bytes_in + bytes_out)) <> 0
