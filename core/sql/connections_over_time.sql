-- Connections and the host per bucket (its number in `edges`), from minutes; `edges` timestamptz[], `start`, `end`
-- timestamptz, `relay` text or null. A minute of several relays together is their sum, and it was sampled for as many
-- seconds as the relay that was sampled longest; summing up is left out where there is one relay only.
SELECT width_bucket(m.bucket, %(edges)s::timestamptz[]) - 1 AS step,
       sum(m.seconds)::bigint AS seconds, sum(m.active)::bigint AS active, max(m.peak) AS peak,
       sum(m.opened)::bigint AS opened, sum(m.closed)::bigint AS closed, max(m.events) AS busiest,
       avg(m.cpu) AS cpu, count(m.cpu) AS cpu_minutes, max(m.cpu)::float8 AS cpu_max,
       avg(m.memory) AS memory, count(m.memory) AS memory_minutes, max(m.memory)::float8 AS memory_max,
       max(m.disk)::float8 AS disk
FROM (
    SELECT bucket, seconds, active_sum AS active, peak_connections AS peak, opened, closed, events, cpu_percent AS cpu,
           memory_percent AS memory, disk_percent AS disk
    FROM connection_minute_current
    WHERE bucket >= %(start)s AND bucket < %(end)s
      AND (%(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
      AND (%(relay)s::text IS NOT NULL OR (SELECT count(*) FROM relays) < 2)
    UNION ALL
    SELECT bucket, max(seconds), sum(active_sum)::bigint, sum(peak_connections)::bigint, sum(opened)::bigint,
           sum(closed)::bigint, sum(events)::bigint, max(cpu_percent), max(memory_percent), max(disk_percent)
    FROM connection_minute_current
    WHERE bucket >= %(start)s AND bucket < %(end)s
      AND %(relay)s::text IS NULL AND (SELECT count(*) FROM relays) >= 2
    GROUP BY bucket
) AS m
GROUP BY 1
