-- The first minute of [`peak_start`, `peak_end`) with the most connections at once, and the first of [`busiest_start`,
-- `busiest_end`) with the most client messages; all timestamptz, `relay` text or null.
SELECT (SELECT bucket FROM connection_minute_current
        WHERE bucket >= %(peak_start)s AND bucket < %(peak_end)s
          AND (%(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
        GROUP BY bucket ORDER BY sum(peak_connections) DESC, bucket LIMIT 1) AS peak_at,
       (SELECT bucket FROM connection_minute_current
        WHERE bucket >= %(busiest_start)s AND bucket < %(busiest_end)s
          AND (%(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
        GROUP BY bucket ORDER BY sum(events) DESC, bucket LIMIT 1) AS busiest_at
