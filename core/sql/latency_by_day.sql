-- The same as latency_by_hour, for buckets that begin and end with a UTC day: a 24th of the rows to read.
SELECT width_bucket(l.day::timestamp AT TIME ZONE 'UTC', %(edges)s::timestamptz[]) - 1 AS step,
       t.name AS event_type, l.bin, sum(l.n)::bigint AS n
FROM latency_day_current l JOIN event_types t USING (event_type_id)
WHERE l.day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
  AND l.day < (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2, 3
