-- The same as first_events_by_hour, for buckets that begin and end with a UTC day: a fraction of the rows to read.
SELECT step, string_agg(int4send(first_bin), ''::bytea) AS bins, string_agg(int8send(n), ''::bytea) AS counts
FROM (
    SELECT width_bucket(f.day::timestamp AT TIME ZONE 'UTC', %(edges)s::timestamptz[]) - 1 AS step, f.first_bin,
           sum(f.n)::bigint AS n
    FROM first_event_day_current f
    WHERE f.day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
      AND f.day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
    GROUP BY 1, 2
) AS bins
GROUP BY step
