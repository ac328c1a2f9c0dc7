-- Latency bins of windows, by what is asked for: `keys` integer[], `starts` timestamptz[], `event_types` text[] (null:
-- all), all up to `end` timestamptz; `first` is the first start.
WITH bins AS (
    SELECT bucket, t.name AS event_type, bin, sum(n) AS n
    FROM latency_live_current JOIN event_types t USING (event_type_id)
    WHERE bucket >= %(first)s AND bucket < %(end)s
    GROUP BY 1, 2, 3
)
SELECT key, bin, sum(n)::bigint AS n
FROM unnest(%(keys)s::integer[], %(starts)s::timestamptz[], %(event_types)s::text[]) AS asked_for (key, start, event_type)
JOIN bins b ON bucket >= start AND (asked_for.event_type IS NULL OR b.event_type = asked_for.event_type)
GROUP BY 1, 2
