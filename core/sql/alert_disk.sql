-- Use of the disk in per cent, over time: the first sample after each of `moments` timestamptz[] (within ten minutes), and
-- the highest of each hour since `since` up to `end` timestamptz.
SELECT 'recent' AS trend, s.timestamp AS at, s.disk_percent::float8 AS percent
FROM unnest(%(moments)s::timestamptz[]) AS m (moment)
CROSS JOIN LATERAL (
    SELECT timestamp, disk_percent FROM connection_metrics_raw
    WHERE timestamp >= m.moment AND timestamp < m.moment + interval '10 min' AND disk_percent IS NOT NULL
    ORDER BY timestamp LIMIT 1
) AS s
UNION ALL
SELECT 'week', bucket, disk_max::float8
FROM connection_hour WHERE relay_id = -1 AND bucket >= %(since)s AND bucket < %(end)s AND disk_max IS NOT NULL
ORDER BY 1, 2
