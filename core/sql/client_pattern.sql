-- Messages of one client by the hour, hours without any left out; `start`, `end` timestamptz, `client_no` integer,
-- `event_type` text or null.
SELECT bucket, sum(n)::bigint AS events
FROM client_hour_current
WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
  AND (%(event_type)s::text IS NULL
       OR event_type_id = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s))
GROUP BY bucket
HAVING sum(n) > 0
