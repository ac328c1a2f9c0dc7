-- The same as sessions_by_hour, for buckets that begin and end with a UTC day: a fraction of the rows to read.
SELECT step, string_agg(int4send(duration_bin), ''::bytea) AS bins, string_agg(int8send(n), ''::bytea) AS counts,
       sum(duration_ms)::bigint AS duration_ms
FROM (
    SELECT width_bucket(s.day::timestamp AT TIME ZONE 'UTC', %(edges)s::timestamptz[]) - 1 AS step, s.duration_bin,
           sum(s.n)::bigint AS n, sum(s.duration_ms)::bigint AS duration_ms
    FROM session_day_current s
    WHERE s.day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND s.day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
      AND (%(relay)s::text IS NULL OR s.relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
    GROUP BY 1, 2
) AS bins
GROUP BY step
