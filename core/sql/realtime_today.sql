-- Totals since the day began in the reporting zone. `day`, `hour` (first whole UTC hour of the day), `end` timestamptz.
SELECT coalesce(sum(n), 0)::bigint AS events, coalesce(sum(errors), 0)::bigint AS errors
FROM (
    SELECT n, errors FROM traffic_hour_current WHERE bucket >= %(hour)s AND bucket < %(end)s
    UNION ALL
    SELECT n, errors FROM traffic_minute_current WHERE bucket >= %(day)s AND bucket < %(hour)s
) AS parts
