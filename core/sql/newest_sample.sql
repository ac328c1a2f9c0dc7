-- Up to when the data is complete: samples travel behind the rows they count, so the newest one says it. `end`, `since`
-- timestamptz, ten minutes before: given, not computed, so that one day's samples are planned for and not all.
-- The slowest of the workers that reported within ten minutes; else the last whole minute ever reported.
SELECT coalesce(
    (SELECT min(newest) FROM (
        SELECT max(timestamp) + interval '1 s' AS newest
        FROM connection_metrics_raw
        WHERE timestamp >= %(since)s AND timestamp < %(end)s
        GROUP BY relay_id, worker) AS workers),
    (SELECT max(bucket) + interval '1 min' FROM connection_minute WHERE bucket < %(end)s))
