-- Latency bins of UTC hours: `hours` timestamptz[].
SELECT bucket, bin, sum(n)::bigint AS n
FROM latency_hour_current WHERE bucket = ANY(%(hours)s)
GROUP BY 1, 2
