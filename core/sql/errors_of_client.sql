-- The same as errors_over_time, of one client, whose errors are not kept by event type (null); `edges` timestamptz[],
-- `start`, `end` timestamptz, `client` text (its client_id), `error_code` text or null.
SELECT width_bucket(e.bucket, %(edges)s::timestamptz[]) - 1 AS step, NULL::text AS event_type, c.name AS error_code,
       sum(e.n)::bigint AS errors
FROM client_error_hour_current e JOIN error_codes c USING (error_code_id)
WHERE e.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
  AND e.bucket >= %(start)s AND e.bucket < %(end)s
  AND (%(error_code)s::text IS NULL OR c.name = %(error_code)s)
GROUP BY 1, 3
