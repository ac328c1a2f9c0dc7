-- Messages that went wrong per bucket (its number in `edges`), event type and error code; `edges` timestamptz[], `start`,
-- `end` timestamptz, `event_type`, `error_code` text or null.
SELECT width_bucket(e.bucket, %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type, c.name AS error_code,
       sum(e.n)::bigint AS errors
FROM error_hour_current e JOIN event_types t USING (event_type_id) JOIN error_codes c USING (error_code_id)
WHERE e.bucket >= %(start)s AND e.bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
  AND (%(error_code)s::text IS NULL OR c.name = %(error_code)s)
GROUP BY 1, 2, 3
