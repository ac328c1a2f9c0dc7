-- Connections per hour and relay (-1: all relays together), counted from the minutes: see connection_hours.py.
CREATE TABLE connection_hour (
    bucket           timestamptz NOT NULL,
    relay_id         smallint NOT NULL,
    seconds          integer NOT NULL,
    active_sum       bigint NOT NULL,
    peak_connections bigint NOT NULL,
    opened           bigint NOT NULL,
    closed           bigint NOT NULL,
    busiest_minute   bigint NOT NULL,              -- client messages of that minute
    cpu_sum          double precision,             -- percent, over the minutes it is known of
    cpu_minutes      integer NOT NULL,
    cpu_max          real,
    memory_sum       double precision,
    memory_minutes   integer NOT NULL,
    memory_max       real,
    disk_max         real,
    PRIMARY KEY (bucket, relay_id)
);

-- The same as reports read it: hours with minutes due to be counted come from their minutes.
CREATE VIEW connection_hour_current AS
WITH open AS (
    SELECT DISTINCT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00') AS bucket FROM connection_minute_due
)
SELECT bucket, relay_id, seconds, active_sum, peak_connections, opened, closed, busiest_minute, cpu_sum, cpu_minutes,
       cpu_max, memory_sum, memory_minutes, memory_max, disk_max
FROM connection_hour
WHERE bucket NOT IN (SELECT bucket FROM open)
UNION ALL
SELECT open.bucket, hour.*
FROM open CROSS JOIN LATERAL (
    WITH minutes AS (
        SELECT * FROM connection_minute_current m
        WHERE m.bucket >= open.bucket AND m.bucket < open.bucket + interval '1 hour'
    )
    SELECT relay_id, sum(seconds)::integer AS seconds, sum(active_sum)::bigint AS active_sum,
           max(peak_connections) AS peak_connections, sum(opened)::bigint AS opened, sum(closed)::bigint AS closed,
           max(events) AS busiest_minute, sum(cpu_percent::float8) AS cpu_sum, count(cpu_percent)::integer AS cpu_minutes,
           max(cpu_percent) AS cpu_max, sum(memory_percent::float8) AS memory_sum,
           count(memory_percent)::integer AS memory_minutes, max(memory_percent) AS memory_max,
           max(disk_percent) AS disk_max
    FROM (
        SELECT relay_id, seconds, active_sum, peak_connections, opened, closed, events, cpu_percent, memory_percent,
               disk_percent
        FROM minutes
        UNION ALL
        SELECT -1, max(seconds), sum(active_sum)::bigint, sum(peak_connections)::bigint, sum(opened)::bigint,
               sum(closed)::bigint, sum(events)::bigint, max(cpu_percent), max(memory_percent), max(disk_percent)
        FROM minutes GROUP BY bucket
    ) AS parts
    GROUP BY relay_id
) AS hour;

-- From the minutes that were counted; the fold waits meanwhile.
LOCK TABLE connection_minute IN SHARE MODE;
INSERT INTO connection_hour
SELECT date_bin('1 hour', bucket, timestamptz '2000-01-01 00:00:00+00'), relay_id, sum(seconds), sum(active_sum),
       max(peak_connections), sum(opened), sum(closed), max(events), sum(cpu_percent::float8), count(cpu_percent),
       max(cpu_percent), sum(memory_percent::float8), count(memory_percent), max(memory_percent), max(disk_percent)
FROM (
    SELECT bucket, relay_id, seconds, active_sum, peak_connections, opened, closed, events, cpu_percent, memory_percent,
           disk_percent
    FROM connection_minute
    UNION ALL
    SELECT bucket, -1, max(seconds), sum(active_sum), sum(peak_connections), sum(opened), sum(closed), sum(events),
           max(cpu_percent), max(memory_percent), max(disk_percent)
    FROM connection_minute GROUP BY bucket
) AS parts
GROUP BY 1, 2 ORDER BY 1, 2;

-- Lengths of ended connections are packed beside latencies (event_type_id -2), with what they last together. The next fold
-- packs what there is; until then reports read session_hour.
ALTER TABLE latency_pack ADD COLUMN total bigint;
