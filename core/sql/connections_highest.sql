-- The first minute of [`peak_start`, `peak_end`) with the most connections at once, and the first of [`busiest_start`,
-- `busiest_end`) with the most client messages; all timestamptz on whole hours, `relay` text or null. Only the minutes of
-- the first hour that has the most are looked through.
WITH hours AS (
    SELECT bucket, peak_connections, busiest_minute FROM connection_hour_current
    WHERE bucket >= least(%(peak_start)s::timestamptz, %(busiest_start)s)
      AND bucket < greatest(%(peak_end)s::timestamptz, %(busiest_end)s)
      AND relay_id = CASE WHEN %(relay)s::text IS NULL THEN -1
                          ELSE (SELECT relay_id FROM relays WHERE name = %(relay)s) END
), peak AS (
    SELECT bucket FROM hours WHERE bucket >= %(peak_start)s AND bucket < %(peak_end)s
    ORDER BY peak_connections DESC, bucket LIMIT 1
), busiest AS (
    SELECT bucket FROM hours WHERE bucket >= %(busiest_start)s AND bucket < %(busiest_end)s
    ORDER BY busiest_minute DESC, bucket LIMIT 1
)
SELECT (SELECT bucket FROM connection_minute_current
        WHERE bucket >= (SELECT bucket FROM peak) AND bucket < (SELECT bucket FROM peak) + interval '1 hour'
          AND (%(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
        GROUP BY bucket ORDER BY sum(peak_connections) DESC, bucket LIMIT 1) AS peak_at,
       (SELECT bucket FROM connection_minute_current
        WHERE bucket >= (SELECT bucket FROM busiest) AND bucket < (SELECT bucket FROM busiest) + interval '1 hour'
          AND (%(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
        GROUP BY bucket ORDER BY sum(events) DESC, bucket LIMIT 1) AS busiest_at
