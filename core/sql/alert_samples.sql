-- What the taps' samples say, per window before `end`: `windows` integer[] (seconds), `start` (the longest window) and
-- `end` timestamptz. Sums over workers of each second, then means over the seconds. A second that a clock set back went
-- through twice counts as one: `passes` says how often the seconds of the window came, at most.
WITH workers AS (
    SELECT timestamp, relay_id, worker, avg(active_connections) AS active, avg(events) AS events, avg(pending) AS pending,
           avg(bytes_in + bytes_out) AS bytes, max(cpu_percent) AS cpu, max(memory_percent) AS memory,
           max(disk_percent) AS disk, count(*) AS passes
    FROM connection_metrics_raw
    WHERE timestamp >= %(start)s AND timestamp < %(end)s
    GROUP BY timestamp, relay_id, worker
), seconds AS (
    SELECT timestamp, sum(active) AS active, sum(events) AS events, sum(pending) AS pending, sum(bytes) AS bytes,
           max(cpu) AS cpu, max(memory) AS memory, max(disk) AS disk, max(passes) AS passes
    FROM workers GROUP BY timestamp
)
SELECT w.seconds, avg(active)::float8 AS connections, avg(events)::float8 AS events, sum(events)::float8 AS messages,
       (array_agg(pending ORDER BY timestamp DESC))[1]::float8 AS pending, avg(bytes)::float8 AS bytes,
       avg(cpu)::float8 AS cpu, avg(memory)::float8 AS memory,
       (array_agg(disk ORDER BY timestamp DESC) FILTER (WHERE disk IS NOT NULL))[1]::float8 AS disk,
       max(passes)::float8 AS passes
FROM unnest(%(windows)s::integer[]) AS w (seconds)
JOIN seconds ON timestamp >= %(end)s - w.seconds * interval '1 s'
GROUP BY 1
