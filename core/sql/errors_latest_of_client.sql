-- The same as errors_latest, of one client; `client_no` integer, `error_code` text or null, `limit` integer, `buckets`
-- timestamptz[]: which hours of raw rows to look at, and `start`, `end` timestamptz, between which they all lie.
SELECT e.timestamp, t.name AS event_type, e.kind, c.client_id, x.name AS error_code, o.name AS outcome,
       e.metadata ->> 'reason' AS reason, e.response_time_ms, r.name AS relay
FROM (
    SELECT e.*
    FROM unnest(%(buckets)s::timestamptz[]) AS h (bucket)
    JOIN traffic_events_raw e ON e.timestamp >= h.bucket AND e.timestamp < h.bucket + interval '1 hour'
    WHERE e.error_code_id <> 0 AND e.client_no = %(client_no)s::integer
      AND e.timestamp >= %(start)s AND e.timestamp < %(end)s
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
