-- Raw events of a range with their names, in the order of their time; the columns that core/export writes. `start`, `end`
-- timestamptz; `event_type`, `client` (its client_id), `error_code` text or null, `kind` integer or null.
-- The fixed lists are numbered from 0 without gaps, so an array finds a name faster than a join does. The sort is inside,
-- below the making of text, and covers one statement: the export asks for a day at a time.
SELECT r.id, r.event_id, c.client_id,
       (SELECT array_agg(name ORDER BY event_type_id) FROM event_types)[r.event_type_id + 1] AS event_type,
       r.timestamp, r.metadata, r.response_time_ms::double precision AS response_time_ms,
       r.bytes_in + r.bytes_out AS bytes_transferred,
       CASE WHEN r.error_code_id <> 0
            THEN (SELECT array_agg(name ORDER BY error_code_id) FROM error_codes)[r.error_code_id + 1]
       END AS error_code,
       r.kind,
       (SELECT array_agg(name ORDER BY outcome_id) FROM outcomes)[r.outcome_id + 1] AS outcome,
       r.bytes_in, r.bytes_out, r.payload_in, r.payload_out, r.events_out,
       r.first_event_ms::double precision AS first_event_ms, l.name AS relay, a.name AS app, r.connection
FROM traffic_events_raw r
JOIN clients c USING (client_no)
JOIN relays l USING (relay_id)
LEFT JOIN apps a USING (app_id)
WHERE r.timestamp >= %(start)s AND r.timestamp < %(end)s
  AND (%(event_type)s::text IS NULL
       OR r.event_type_id = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s))
  AND (%(kind)s::integer IS NULL
       OR (r.kind = %(kind)s AND r.event_type_id = (SELECT event_type_id FROM event_types WHERE name = 'EVENT')))
  AND (%(client)s::text IS NULL OR r.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s))
  AND (%(error_code)s::text IS NULL
       OR (r.error_code_id <> 0
           AND r.error_code_id = (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s)))
ORDER BY r.timestamp, r.id
