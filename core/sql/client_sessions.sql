-- One client's connections that ended, per bucket (its number in `edges`); `edges` timestamptz[], `start`, `end`
-- timestamptz, `client_no` integer.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, sum(n)::bigint AS sessions,
       sum(duration_ms)::bigint AS duration_ms
FROM client_session_hour_current
WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1
