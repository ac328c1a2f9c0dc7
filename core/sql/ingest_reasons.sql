-- Why records were dropped, refused, or stored without a part of them: over all time, the most frequent first.
SELECT 'dropped' AS fate, substr(fate, 9) AS reason, sum(n)::bigint AS records
FROM ingest_counts WHERE fate LIKE 'dropped:%%' GROUP BY fate
UNION ALL
SELECT CASE WHEN refused THEN 'quarantined' ELSE 'stored in part' END, reason, sum(n)::bigint
FROM quarantine GROUP BY refused, reason
ORDER BY records DESC, fate, reason
