-- Messages of windows, by what is asked for: `keys` integer[], `starts` and `ends` timestamptz[], `event_types` text[]
-- (null: all). `asked`: those that want an answer. `first`, `last` timestamptz: from the first start to the last end.
WITH seconds AS (
    SELECT bucket, t.name AS event_type, sum(n) AS n, sum(errors) AS errors, sum(unanswered) AS unanswered,
           sum(bytes_in + bytes_out) AS bytes
    FROM traffic_second_current JOIN event_types t USING (event_type_id)
    WHERE bucket >= %(first)s AND bucket < %(last)s
    GROUP BY 1, 2
)
SELECT key, coalesce(sum(n), 0)::bigint AS messages,
       coalesce(sum(n) FILTER (WHERE s.event_type NOT IN ('CLOSE', 'NEG-CLOSE', 'OTHER')), 0)::bigint AS asked,
       coalesce(sum(errors), 0)::bigint AS errors, coalesce(sum(unanswered), 0)::bigint AS unanswered,
       coalesce(sum(bytes), 0)::bigint AS bytes
FROM unnest(%(keys)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(event_types)s::text[])
     AS asked_for (key, start, "end", event_type)
LEFT JOIN seconds s ON bucket >= start AND bucket < "end"
                       AND (asked_for.event_type IS NULL OR s.event_type = asked_for.event_type)
GROUP BY key
