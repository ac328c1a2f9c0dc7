-- When one client is active: its messages by day of the week (1 is Monday) and hour, on the clock of a zone; `start`, `end`
-- timestamptz, `client_no` integer, `time_zone` text, `event_type` text or null.
SELECT extract(isodow FROM bucket AT TIME ZONE %(time_zone)s)::integer AS weekday,
       extract(hour FROM bucket AT TIME ZONE %(time_zone)s)::integer AS hour,
       sum(n)::bigint AS events, count(DISTINCT bucket) FILTER (WHERE n > 0) AS active_hours
FROM client_hour_current JOIN event_types t USING (event_type_id)
WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
