-- Latency bins per step; `start`, `end` timestamptz, `step` interval (a multiple of 5 s).
SELECT date_bin(%(step)s, bucket, %(start)s) AS step, bin, sum(n)::bigint AS n
FROM latency_live_current
WHERE bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1, 2
ORDER BY 1, 2
