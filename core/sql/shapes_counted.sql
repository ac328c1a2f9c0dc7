-- How much of [`start`, `end`) (timestamptz, whole hours) is counted by shape: REQ and COUNT messages, those that are
-- counted, the first hour with more than was counted, and the time that answers of all event types took (ms), but in
-- hours that wait to be counted. An hour without such messages needs none.
WITH hours AS (
    SELECT bucket, coalesce(sum(n) FILTER (WHERE t.name IN ('REQ', 'COUNT')), 0)::bigint AS n, sum(rt_sum) AS ms
    FROM traffic_hour_current JOIN event_types t USING (event_type_id)
    WHERE bucket >= %(start)s AND bucket < %(end)s
    GROUP BY bucket
)
SELECT coalesce(sum(hours.n), 0)::bigint AS messages, coalesce(sum(c.n), 0)::bigint AS counted,
       min(bucket) FILTER (WHERE hours.n > coalesce(c.n, 0)) AS first_open,
       coalesce(sum(ms) FILTER (WHERE hours.n = 0 OR c.bucket IS NOT NULL), 0) AS ms
FROM hours LEFT JOIN shape_hour_counted c USING (bucket)
