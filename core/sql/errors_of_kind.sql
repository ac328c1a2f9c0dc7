-- The same as errors_over_time, of EVENT messages of one kind; `edges` timestamptz[], `start`, `end` timestamptz, `kind`
-- integer, `error_code` text or null.
SELECT width_bucket(e.bucket, %(edges)s::timestamptz[]) - 1 AS step, 'EVENT' AS event_type, c.name AS error_code,
       sum(e.n)::bigint AS errors
FROM kind_error_hour_current e JOIN error_codes c USING (error_code_id)
WHERE e.kind = %(kind)s AND e.bucket >= %(start)s AND e.bucket < %(end)s
  AND (%(error_code)s::text IS NULL OR c.name = %(error_code)s)
GROUP BY 1, 3
