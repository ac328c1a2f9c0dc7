-- The samples, summed over workers and relays per second (counted from `start`); `start`, `end` timestamptz.
SELECT extract(epoch FROM timestamp - %(start)s)::float8 AS second,
       sum(active_connections)::bigint AS active,
       sum(peak_connections)::bigint   AS peak,
       sum(events)::bigint             AS events,
       sum(bytes_in)::bigint           AS bytes_in,
       sum(bytes_out)::bigint          AS bytes_out,
       sum(pending)::bigint            AS pending,
       max(cpu_percent)                AS cpu_percent,
       max(memory_percent)             AS memory_percent,
       max(memory_bytes)               AS memory_bytes,
       max(disk_percent)               AS disk_percent,
       max(disk_bytes)                 AS disk_bytes
FROM connection_metrics_raw
WHERE timestamp >= %(start)s AND timestamp < %(end)s
GROUP BY timestamp
ORDER BY timestamp
