-- The newest messages of a range that went wrong; `start`, `end` timestamptz, `event_type`, `error_code` text or
-- null, `kind` integer or null, `limit` integer. Reads raw rows, by the partial index of those that went wrong.
SELECT e.timestamp, t.name AS event_type, e.kind, c.client_id, x.name AS error_code, o.name AS outcome,
       e.metadata ->> 'reason' AS reason, e.response_time_ms, r.name AS relay
FROM (
    SELECT * FROM traffic_events_raw
    WHERE error_code_id <> 0 AND timestamp >= %(start)s AND timestamp < %(end)s
      AND (%(event_type)s::text IS NULL
           OR event_type_id = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s))
      AND (%(error_code)s::text IS NULL
           OR error_code_id = (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s))
      AND (%(kind)s::integer IS NULL
           OR kind = %(kind)s AND event_type_id = (SELECT event_type_id FROM event_types WHERE name = 'EVENT'))
    ORDER BY timestamp DESC
    LIMIT %(limit)s
) AS e
JOIN event_types t USING (event_type_id)
JOIN outcomes o USING (outcome_id)
JOIN error_codes x USING (error_code_id)
JOIN clients c USING (client_no)
JOIN relays r USING (relay_id)
ORDER BY e.timestamp DESC
