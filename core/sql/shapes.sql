-- What query shapes cost, by event type: the first `limit` (integer; null: all) by `sort` (time, messages, unanswered;
-- others as time); of the days `utc_days` date[] and the hours from `firsts` to `lasts` timestamptz[]. `event_type` text or
-- null.
WITH costs AS (
    SELECT event_type_id, shape, n, rt_n, unanswered, events_out, rt_sum FROM shape_day WHERE day = ANY(%(utc_days)s::date[])
    UNION ALL
    SELECT event_type_id, shape, n, rt_n, unanswered, events_out, rt_sum
    FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) AS parts (first, last)
    JOIN shape_hour ON bucket >= first AND bucket < last
)
SELECT t.name AS event_type, shape, sum(n)::bigint AS messages, sum(rt_n)::bigint AS answered,
       sum(unanswered)::bigint AS unanswered, sum(events_out)::bigint AS events_out, sum(rt_sum) AS ms
FROM costs JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
GROUP BY 1, 2
ORDER BY CASE %(sort)s WHEN 'messages' THEN sum(n) WHEN 'unanswered' THEN sum(unanswered) ELSE sum(rt_sum) END DESC,
         shape COLLATE "C", t.name COLLATE "C"
LIMIT %(limit)s
