-- One client's answered messages per bucket (its number in `edges`), event type and latency bin; `edges` timestamptz[],
-- `start`, `end` timestamptz, `client_no` integer, `event_type` text or null.
SELECT width_bucket(day::timestamp AT TIME ZONE 'UTC', %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type, bin, sum(n)::bigint AS n
FROM client_day_latency l JOIN event_types t USING (event_type_id)
WHERE client_no = %(client_no)s AND day >= (%(start)s AT TIME ZONE 'UTC')::date AND day < (%(end)s AT TIME ZONE 'UTC')::date
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2, 3
