-- What the query shapes of [`start`, `end`) (timestamptz, whole hours) cost, by event type: the first `limit` (integer;
-- null: all) by `sort` (time, messages, unanswered; others as time). `event_type` text or null.
SELECT t.name AS event_type, shape, sum(n)::bigint AS messages, sum(rt_n)::bigint AS answered,
       sum(unanswered)::bigint AS unanswered, sum(events_out)::bigint AS events_out, sum(rt_sum) AS ms
FROM shape_hour h JOIN event_types t USING (event_type_id)
WHERE bucket >= %(start)s AND bucket < %(end)s AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
ORDER BY CASE %(sort)s WHEN 'messages' THEN sum(n) WHEN 'unanswered' THEN sum(unanswered) ELSE sum(rt_sum) END DESC,
         shape COLLATE "C", t.name COLLATE "C"
LIMIT %(limit)s
