-- The same as peak_hours, of one client; `start`, `end` timestamptz, `client` text, `event_type` text or null, `peaks`
-- integer.
SELECT h.bucket, sum(h.bytes_in)::bigint AS bytes_in, sum(h.bytes_out)::bigint AS bytes_out
FROM client_hour_current h
WHERE h.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
  AND h.bucket >= %(start)s AND h.bucket < %(end)s
  AND (%(event_type)s::text IS NULL
       OR h.event_type_id = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s))
GROUP BY 1
HAVING sum(h.bytes_in + h.bytes_out) > 0
ORDER BY sum(h.bytes_in + h.bytes_out) DESC, 1
LIMIT %(peaks)s
