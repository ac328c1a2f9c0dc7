-- The newest run of each tap worker that was heard of since `since` timestamptz, and did not stop in order, the longest
-- silent first. Workers of host n are numbered from n * 64 on.
SELECT relay, h.name AS host, worker %% 64 AS worker, newest_at
FROM (SELECT DISTINCT ON (relay, worker) relay, worker, newest_at, ended
      FROM ingest_runs WHERE worker IS NOT NULL ORDER BY relay, worker, number DESC) AS newest
LEFT JOIN hosts h ON h.host_no = worker / 64
WHERE NOT ended AND newest_at >= %(since)s
ORDER BY newest_at
