-- What became of the records of each relay and worker, over all runs of it. Of a run that another has followed, nothing
-- is on its way any more: what is missing of it is lost. A run that did not end in order lost what it had in memory.
-- Workers of host n are numbered from n * 64 on.
SELECT relay, h.name AS host, worker %% 64 AS worker, sum(received)::bigint AS received, sum(stored)::bigint AS stored,
       sum(quarantined)::bigint AS quarantined, sum(dropped)::bigint AS dropped,
       coalesce(sum(missing) FILTER (WHERE newest OR worker IS NULL), 0)::bigint AS in_flight,
       coalesce(sum(missing) FILTER (WHERE NOT newest AND worker IS NOT NULL), 0)::bigint AS lost,
       count(*)::bigint AS runs,
       count(*) FILTER (WHERE NOT newest AND NOT ended AND worker IS NOT NULL)::bigint AS broken_off,
       max(newest_at) AS newest_at
FROM (
    SELECT r.relay, r.worker, r.ended, r.newest_at, c.received, c.stored, c.quarantined, c.dropped,
           c.received - c.stored - c.quarantined - c.dropped AS missing,
           row_number() OVER (PARTITION BY r.relay, r.worker ORDER BY r.number DESC) = 1 AS newest
    FROM ingest_runs r
    JOIN (
        SELECT source,
               coalesce(sum(n) FILTER (WHERE fate = 'received'), 0) AS received,
               coalesce(sum(n) FILTER (WHERE fate = 'stored'), 0) AS stored,
               coalesce(sum(n) FILTER (WHERE fate = 'quarantined'), 0) AS quarantined,
               coalesce(sum(n) FILTER (WHERE fate LIKE 'dropped:%%'), 0) AS dropped
        FROM ingest_counts GROUP BY source
    ) AS c USING (source)
) AS runs
LEFT JOIN hosts h ON h.host_no = worker / 64
GROUP BY relay, worker, h.name
ORDER BY relay, runs.worker NULLS LAST
