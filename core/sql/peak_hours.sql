-- The hours with the most wire bytes, the earlier first among equals; `start`, `end` timestamptz, `event_type` text or
-- null, `peaks` integer.
SELECT h.bucket, sum(h.bytes_in)::bigint AS bytes_in, sum(h.bytes_out)::bigint AS bytes_out
FROM traffic_hour_total_current h
WHERE h.bucket >= %(start)s AND h.bucket < %(end)s
  AND (%(event_type)s::text IS NULL
       OR h.event_type_id = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s))
GROUP BY 1
HAVING sum(h.bytes_in + h.bytes_out) > 0
ORDER BY sum(h.bytes_in + h.bytes_out) DESC, 1
LIMIT %(peaks)s
