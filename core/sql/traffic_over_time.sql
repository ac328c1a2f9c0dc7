-- Client messages per bucket (its number in `edges`) and event type; `edges` timestamptz[], `start`, `end` timestamptz,
-- `event_type` text or null, `kind` integer or null.
SELECT width_bucket(h.bucket, %(edges)s::timestamptz[]) - 1 AS step,
       t.name                     AS event_type,
       sum(h.n)::bigint           AS events,
       sum(h.errors)::bigint      AS errors,
       sum(h.unanswered)::bigint  AS unanswered,
       sum(h.events_out)::bigint  AS events_out,
       sum(h.bytes_in)::bigint    AS bytes_in,
       sum(h.bytes_out)::bigint   AS bytes_out
FROM traffic_hour_current h JOIN event_types t USING (event_type_id)
WHERE h.bucket >= %(start)s AND h.bucket < %(end)s AND h.event_type_id <> 0
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
  AND (%(kind)s::integer IS NULL OR (t.name = 'EVENT' AND h.kind = %(kind)s))
GROUP BY 1, 2
