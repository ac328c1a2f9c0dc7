-- Latency bins per step (counted from `start`); `start`, `end` timestamptz, `step` seconds (a multiple of 5).
SELECT floor(extract(epoch FROM bucket - %(start)s) / %(step)s)::integer AS step, bin, sum(n)::bigint AS n
FROM latency_live_current
WHERE bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1, 2
ORDER BY 1, 2
