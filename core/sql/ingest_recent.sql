-- Records dropped and refused since `since`, up to `end` (timestamptz). Samples count what their worker has dropped since
-- it started; a smaller count is that of a new run.
SELECT (SELECT coalesce(sum(CASE WHEN dropped < before THEN dropped ELSE dropped - before END), 0)::bigint
        FROM (SELECT dropped, lag(dropped, 1, dropped) OVER (PARTITION BY relay_id, worker ORDER BY timestamp) AS before
              FROM connection_metrics_raw WHERE timestamp >= %(since)s AND timestamp < %(end)s) AS samples) AS dropped,
       (SELECT coalesce(sum(n), 0)::bigint FROM quarantine
        WHERE refused AND stored_at >= %(since)s AND stored_at < %(end)s) AS quarantined
