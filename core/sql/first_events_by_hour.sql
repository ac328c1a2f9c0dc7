-- Times to the first event by bin, per bucket (its number in `edges`); `edges` timestamptz[], `start`, `end` timestamptz. One
-- row per bucket: its bins and their counts packed as integers of 4 and 8 bytes, since there are many.
SELECT step, string_agg(int4send(first_bin), ''::bytea) AS bins, string_agg(int8send(n), ''::bytea) AS counts
FROM (
    SELECT width_bucket(f.bucket, %(edges)s::timestamptz[]) - 1 AS step, f.first_bin, sum(f.n)::bigint AS n
    FROM first_event_hour_current f
    WHERE f.bucket >= %(start)s AND f.bucket < %(end)s
    GROUP BY 1, 2
) AS bins
GROUP BY step
