-- The newest messages of one client that went wrong; `start`, `end` timestamptz, `client_no`, `limit` integer. The hours to
-- look in are known from a roll-up: raw rows of no others are read, and only those that went wrong, by their index.
WITH hours AS (
    SELECT DISTINCT bucket FROM client_error_hour_current
    WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
    ORDER BY bucket DESC
    LIMIT %(limit)s
)
SELECT e.timestamp, t.name AS event_type, e.kind, c.client_id, x.name AS error_code, o.name AS outcome,
       e.metadata ->> 'reason' AS reason, e.response_time_ms, r.name AS relay
FROM hours
CROSS JOIN LATERAL (
    SELECT * FROM traffic_events_raw
    WHERE error_code_id <> 0 AND timestamp >= hours.bucket AND timestamp < hours.bucket + interval '1 hour'
      AND client_no = %(client_no)s
) AS e
JOIN event_types t USING (event_type_id)
JOIN outcomes o USING (outcome_id)
JOIN error_codes x USING (error_code_id)
JOIN clients c USING (client_no)
JOIN relays r USING (relay_id)
ORDER BY e.timestamp DESC
LIMIT %(limit)s
