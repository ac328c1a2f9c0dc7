-- The minutes with the most wire bytes, the earlier first among equals; `start`, `end` timestamptz, `event_type` text or
-- null, `peaks` integer.
-- A minute among the `peaks` busiest lies in one of the `peaks` hours with the busiest minutes: outside of them it would
-- have at least one busier (or equal and earlier) minute per hour before it. Minutes not merged yet are all read.
WITH type AS (
    SELECT coalesce((SELECT event_type_id FROM event_types WHERE name = %(event_type)s::text), -1) AS id
), hours AS (
    SELECT bucket FROM traffic_hour_total
    WHERE bucket >= %(start)s AND bucket < %(end)s AND event_type_id = (SELECT id FROM type)
    ORDER BY busiest_minute DESC, bucket
    LIMIT %(peaks)s
), unmerged AS MATERIALIZED (
    SELECT date_bin('1 minute', bucket, timestamptz '2000-01-01 00:00:00+00') AS bucket, bytes_in, bytes_out
    FROM traffic_second_delta
    WHERE bucket >= %(start)s AND bucket < %(end)s AND (SELECT id FROM type) IN (-1, event_type_id)
), wanted AS (
    SELECT bucket FROM hours
    UNION
    SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00') FROM unmerged
), minutes AS (
    SELECT m.bucket, m.bytes_in, m.bytes_out
    FROM wanted CROSS JOIN LATERAL (
        SELECT * FROM traffic_minute
        WHERE bucket >= wanted.bucket AND bucket < wanted.bucket + interval '1 hour'
          AND (SELECT id FROM type) IN (-1, event_type_id)) m
    UNION ALL
    SELECT bucket, bytes_in, bytes_out FROM unmerged
)
SELECT bucket, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
FROM minutes
GROUP BY 1
HAVING sum(bytes_in + bytes_out) > 0
ORDER BY sum(bytes_in + bytes_out) DESC, 1
LIMIT %(peaks)s
