-- One client's answered messages per bucket (its number in `edges`), event type and latency bin; `edges` timestamptz[],
-- `start`, `end` timestamptz, `client_no` integer, `event_type` text or null.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type, bin, sum(n)::bigint AS n
FROM client_hour_latency l JOIN event_types t USING (event_type_id)
WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2, 3
