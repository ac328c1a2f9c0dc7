-- The hours with the most wire bytes, the earlier first among equals; `start`, `end` timestamptz, `event_type` text or
-- null, `peaks` integer. Of all types together an hour is one row, and what is not merged yet.
WITH type AS (
    SELECT coalesce((SELECT event_type_id FROM event_types WHERE name = %(event_type)s::text), -1) AS id
)
SELECT bucket, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
FROM (
    SELECT bucket, bytes_in, bytes_out FROM traffic_hour_total
    WHERE bucket >= %(start)s AND bucket < %(end)s AND event_type_id = (SELECT id FROM type)
    UNION ALL
    SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00'), bytes_in, bytes_out FROM traffic_second_delta
    WHERE bucket >= %(start)s AND bucket < %(end)s AND (SELECT id FROM type) IN (-1, event_type_id)
) AS hours
GROUP BY 1
HAVING sum(bytes_in + bytes_out) > 0
ORDER BY sum(bytes_in + bytes_out) DESC, 1
LIMIT %(peaks)s
