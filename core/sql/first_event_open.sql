-- The same as latency_open, of times to the first event.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, first_bin, sum(n)::bigint AS n
FROM (
    SELECT bucket, first_bin, n FROM first_event_hour
    WHERE bucket >= greatest(%(start)s, %(packed_before)s) AND bucket < %(end)s
    UNION ALL
    SELECT bucket, first_bin, n FROM first_event_delta WHERE bucket >= %(start)s AND bucket < %(end)s
) AS open
GROUP BY 1, 2
