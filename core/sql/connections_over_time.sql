-- Connections and the host per bucket (its number in `edges`), from hours; `edges` timestamptz[], `start`, `end`
-- timestamptz, `relay` text or null. A minute of several relays together (relay_id -1) is their sum, and it was sampled for
-- as many seconds as the relay that was sampled longest.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step,
       sum(seconds)::bigint AS seconds, sum(active_sum)::bigint AS active, max(peak_connections) AS peak,
       sum(opened)::bigint AS opened, sum(closed)::bigint AS closed, max(busiest_minute) AS busiest,
       sum(cpu_sum) / nullif(sum(cpu_minutes), 0) AS cpu, sum(cpu_minutes)::bigint AS cpu_minutes,
       max(cpu_max)::float8 AS cpu_max,
       sum(memory_sum) / nullif(sum(memory_minutes), 0) AS memory, sum(memory_minutes)::bigint AS memory_minutes,
       max(memory_max)::float8 AS memory_max,
       max(disk_max)::float8 AS disk
FROM connection_hour_current
WHERE bucket >= %(start)s AND bucket < %(end)s
  AND relay_id = CASE WHEN %(relay)s::text IS NULL THEN -1
                      ELSE (SELECT relay_id FROM relays WHERE name = %(relay)s) END
GROUP BY 1
