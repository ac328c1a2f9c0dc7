-- The newest messages that went wrong; `since`, `end` timestamptz, `limit` integer.
SELECT e.timestamp, t.name AS event_type, e.kind, c.client_id, x.name AS error_code, o.name AS outcome,
       e.metadata ->> 'reason' AS reason, e.response_time_ms, r.name AS relay
FROM (
    SELECT * FROM traffic_events_raw
    WHERE error_code_id <> 0 AND timestamp >= %(since)s AND timestamp < %(end)s
    ORDER BY timestamp DESC
    LIMIT %(limit)s
) AS e
JOIN event_types t USING (event_type_id)
JOIN outcomes o USING (outcome_id)
JOIN error_codes x USING (error_code_id)
JOIN clients c USING (client_no)
JOIN relays r USING (relay_id)
ORDER BY e.timestamp DESC
