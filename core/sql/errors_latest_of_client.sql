-- The same as errors_latest, of one client; `start`, `end` timestamptz (whole hours), `client` text (its client_id),
-- `error_code` text or null, `limit` integer. Its errors by the hour say which hours of raw rows to look at.
WITH hours AS (
    SELECT e.bucket, e.client_no, sum(sum(e.n)) OVER (ORDER BY e.bucket DESC) - sum(e.n) AS later
    FROM client_error_hour_current e JOIN error_codes c USING (error_code_id)
    WHERE e.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
      AND e.bucket >= %(start)s AND e.bucket < %(end)s
      AND (%(error_code)s::text IS NULL OR c.name = %(error_code)s)
    GROUP BY 1, 2
)
SELECT e.timestamp, t.name AS event_type, e.kind, c.client_id, x.name AS error_code, o.name AS outcome,
       e.metadata ->> 'reason' AS reason, e.response_time_ms, r.name AS relay
FROM (
    SELECT e.*
    FROM hours h
    JOIN traffic_events_raw e ON e.error_code_id <> 0 AND e.client_no = h.client_no
         AND e.timestamp >= h.bucket AND e.timestamp < h.bucket + interval '1 hour'
    WHERE h.later < %(limit)s
      AND (%(error_code)s::text IS NULL
           OR e.error_code_id = (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s))
    ORDER BY e.timestamp DESC
    LIMIT %(limit)s
) AS e
JOIN event_types t USING (event_type_id)
JOIN outcomes o USING (outcome_id)
JOIN error_codes x USING (error_code_id)
JOIN clients c USING (client_no)
JOIN relays r USING (relay_id)
ORDER BY e.timestamp DESC
