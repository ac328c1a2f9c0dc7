-- The same as bandwidth_over_time, of one client; `client` text (its client_id), `event_type` text or null.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[].
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, event_type_id, n, events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN client_hour_current USING (bucket)
    WHERE hours = 1 AND client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
    UNION ALL
    SELECT step, sign, event_type_id, n, events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN client_day_current USING (day)
    WHERE hours = 24 AND client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
)
SELECT step, t.name AS event_type, sum(sign * bytes_in)::bigint AS bytes_in,
       sum(sign * bytes_out)::bigint AS bytes_out, sum(sign * payload_in)::bigint AS payload_in,
       sum(sign * payload_out)::bigint AS payload_out
FROM facts JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
GROUP BY 1, 2
-- what was only taken away again is no event type of the range
HAVING sum(sign * n) <> 0 OR sum(sign * (events_out + bytes_in + bytes_out)) <> 0
