-- What measures were, minute by minute: `start`, `end` timestamptz, `event_type` text or null. Null where nothing was
-- measured; minutes of which nothing at all is known have no row.
WITH traffic AS (
    SELECT bucket, sum(n) AS n, sum(errors) AS errors, sum(unanswered) AS unanswered, sum(bytes_in + bytes_out) AS bytes,
           sum(n) FILTER (WHERE t.name NOT IN ('CLOSE', 'NEG-CLOSE', 'OTHER')) AS asked
    FROM traffic_minute_current JOIN event_types t USING (event_type_id)
    WHERE bucket >= %(start)s AND bucket < %(end)s AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
    GROUP BY 1
), samples AS (
    SELECT bucket, max(seconds) AS seconds, sum(active_sum) AS active, max(cpu_percent) AS cpu,
           max(memory_percent) AS memory, max(disk_percent) AS disk
    FROM connection_minute_current WHERE bucket >= %(start)s AND bucket < %(end)s GROUP BY 1
)
SELECT bucket, coalesce(n, 0)::bigint AS messages, coalesce(errors, 0)::bigint AS errors,
       coalesce(unanswered, 0)::bigint AS unanswered, coalesce(bytes, 0)::bigint AS bytes,
       coalesce(asked, 0)::bigint AS asked, active::float8 / nullif(seconds, 0) AS connections, cpu::float8, memory::float8,
       disk::float8
FROM traffic FULL JOIN samples USING (bucket)
ORDER BY 1
