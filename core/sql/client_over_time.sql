-- What one client did, per bucket (its number in `edges`) and event type; `client_no` integer, `event_type` text or null.
-- The buckets are put together from hours and days of UTC (core/storage/spans.py): `steps`, `hours` (1 or 24), `signs`
-- integer[] and `buckets` timestamptz[], days only where client_day has them (core/storage/client_days.py); of what is
-- not merged yet, `edges` timestamptz[], `start`, `end` timestamptz take part.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in,
           bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM parts JOIN client_hour USING (bucket) WHERE hours = 1 AND client_no = %(client_no)s
    UNION ALL
    SELECT step, sign, event_type_id, n, accepted, duplicate, rejected, errors, unanswered, events_out, bytes_in,
           bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM parts JOIN client_day USING (day) WHERE hours = 24 AND client_no = %(client_no)s
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, event_type_id, n, accepted, duplicate, rejected,
           errors, unanswered, events_out, bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM client_delta WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
)
SELECT step, t.name AS event_type, sum(sign * n)::bigint AS events, sum(sign * accepted)::bigint AS accepted,
       sum(sign * duplicate)::bigint AS duplicate, sum(sign * rejected)::bigint AS rejected,
       sum(sign * errors)::bigint AS errors, sum(sign * unanswered)::bigint AS unanswered,
       sum(sign * events_out)::bigint AS events_out, sum(sign * bytes_in)::bigint AS bytes_in,
       sum(sign * bytes_out)::bigint AS bytes_out, sum(sign * payload_in)::bigint AS payload_in,
       sum(sign * payload_out)::bigint AS payload_out, sum(sign * rt_n)::bigint AS answered, sum(sign * rt_sum) AS ms
FROM facts JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
GROUP BY 1, 2
-- what was only taken away again is no event type of the range; connection totals have no message
HAVING sum(sign * n) <> 0 OR t.name = 'DELIVERY'
