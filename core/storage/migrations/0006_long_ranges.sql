-- Session lengths and times to the first event by the day, for ranges of whole days.
CREATE TABLE session_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    duration_bin integer NOT NULL,
    n bigint NOT NULL,
    duration_ms bigint NOT NULL,
    PRIMARY KEY (day, relay_id, duration_bin)
);

CREATE VIEW session_day_current AS
SELECT day, relay_id, duration_bin, n, duration_ms FROM session_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, duration_bin, n::bigint AS n, duration_ms FROM session_delta;

INSERT INTO session_day (day, relay_id, duration_bin, n, duration_ms)
SELECT (bucket AT TIME ZONE 'UTC')::date, relay_id, duration_bin, sum(n)::bigint, sum(duration_ms)::bigint
FROM session_hour GROUP BY 1, 2, 3;

CREATE TABLE first_event_day (
    day date NOT NULL,
    relay_id smallint NOT NULL,
    first_bin integer NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (day, relay_id, first_bin)
);

CREATE VIEW first_event_day_current AS
SELECT day, relay_id, first_bin, n FROM first_event_day
UNION ALL SELECT (bucket AT TIME ZONE 'UTC')::date AS day, relay_id, first_bin, n::bigint AS n FROM first_event_delta;

INSERT INTO first_event_day (day, relay_id, first_bin, n)
SELECT (bucket AT TIME ZONE 'UTC')::date, relay_id, first_bin, sum(n)::bigint FROM first_event_hour GROUP BY 1, 2, 3;

-- Connections per minute as reports read them: minutes that were counted, and those due to be counted, from their samples.
CREATE VIEW connection_minute_current AS
WITH due AS (                                      -- a due minute whose samples retention has dropped stays as counted
    SELECT DISTINCT d.bucket FROM connection_minute_due d
    WHERE EXISTS (SELECT FROM connection_metrics_raw s
                  WHERE s.timestamp >= d.bucket AND s.timestamp < d.bucket + interval '1 minute')
)
SELECT bucket, relay_id, seconds, active_sum, peak_connections, opened, closed, events, cpu_percent, memory_percent,
       disk_percent
FROM connection_minute
WHERE bucket NOT IN (SELECT bucket FROM due)
UNION ALL
SELECT bucket, relay_id, count(*)::integer AS seconds, sum(active)::bigint AS active_sum,
       max(peak)::bigint AS peak_connections, sum(opened)::bigint AS opened, sum(closed)::bigint AS closed,
       sum(events)::bigint AS events, avg(cpu)::real AS cpu_percent, avg(memory)::real AS memory_percent,
       max(disk) AS disk_percent
FROM (
    SELECT due.bucket, s.relay_id, s.timestamp, sum(s.active_connections) AS active, sum(s.peak_connections) AS peak,
           sum(s.opened) AS opened, sum(s.closed) AS closed, sum(s.events) AS events, max(s.cpu_percent) AS cpu,
           max(s.memory_percent) AS memory, max(s.disk_percent) AS disk
    FROM due
    JOIN connection_metrics_raw s ON s.timestamp >= due.bucket AND s.timestamp < due.bucket + interval '1 minute'
    GROUP BY due.bucket, s.relay_id, s.timestamp
) AS seconds
GROUP BY bucket, relay_id;
