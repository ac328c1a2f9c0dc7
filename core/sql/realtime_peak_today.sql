-- Most connections at once since the day began: from the minutes that were counted, and the samples of those that were not.
-- `day`, `end` timestamptz.
SELECT max(peak)::bigint FROM (
    SELECT sum(peak_connections) AS peak FROM connection_minute
    WHERE bucket >= %(day)s AND bucket < %(end)s
    GROUP BY bucket
    UNION ALL
    SELECT sum(s.peak_connections)
    FROM (SELECT DISTINCT bucket FROM connection_minute_due WHERE bucket >= %(day)s AND bucket < %(end)s) AS due
    JOIN connection_metrics_raw s ON s.timestamp >= due.bucket AND s.timestamp < due.bucket + interval '1 minute'
         AND s.timestamp >= %(day)s  -- the days that are planned for
    GROUP BY s.timestamp
) AS peaks
