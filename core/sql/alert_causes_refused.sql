-- Why records were refused since `since`, up to `end` timestamptz.
SELECT CASE WHEN grouping(reason) = 1 THEN 'all' ELSE 'reason' END AS dimension, coalesce(reason, '') AS name,
       0::float8 AS before, coalesce(sum(n), 0)::float8 AS during
FROM quarantine WHERE refused AND stored_at >= %(since)s AND stored_at < %(end)s
GROUP BY GROUPING SETS ((), (reason))
