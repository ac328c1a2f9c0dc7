-- Most connections at once since the day began: whole minutes from the roll-up, the rest from the samples.
-- `day`, `minute` (first minute the roll-up does not hold), `end` timestamptz.
SELECT max(peak) FROM (
    SELECT peak_connections AS peak FROM connection_minute WHERE bucket >= %(day)s AND bucket < %(end)s
    UNION ALL
    SELECT sum(peak_connections) FROM connection_metrics_raw
    WHERE timestamp >= greatest(%(day)s, (SELECT coalesce(max(bucket) + interval '1 min', '-infinity') FROM connection_minute))
      AND timestamp < %(end)s
    GROUP BY timestamp
) AS peaks
