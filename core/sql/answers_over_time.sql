-- Messages that were answered and how long that took in all (ms), and those that were not, per bucket (its number in
-- `edges`) and event type; `edges` timestamptz[], `start`, `end` timestamptz, `event_type` text or null.
SELECT width_bucket(h.bucket, %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type,
       sum(h.rt_n)::bigint AS answered, sum(h.unanswered)::bigint AS unanswered, sum(h.rt_sum) AS total_ms
FROM traffic_hour_current h JOIN event_types t USING (event_type_id)
WHERE h.bucket >= %(start)s AND h.bucket < %(end)s AND h.event_type_id <> 0
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
