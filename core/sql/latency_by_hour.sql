-- Latency bins per bucket (its number in `edges`) and event type; `edges` timestamptz[], `start`, `end` timestamptz,
-- `event_type` text or null.
SELECT width_bucket(l.bucket, %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type, l.bin, sum(l.n)::bigint AS n
FROM latency_hour_current l JOIN event_types t USING (event_type_id)
WHERE l.bucket >= %(start)s AND l.bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2, 3
