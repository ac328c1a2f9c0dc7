-- Bytes per bucket (its number in `edges`) and event type, DELIVERY included; `edges` timestamptz[], `start`, `end`
-- timestamptz, `event_type` text or null.
SELECT width_bucket(h.bucket, %(edges)s::timestamptz[]) - 1 AS step,
       t.name                      AS event_type,
       sum(h.bytes_in)::bigint     AS bytes_in,
       sum(h.bytes_out)::bigint    AS bytes_out,
       sum(h.payload_in)::bigint   AS payload_in,
       sum(h.payload_out)::bigint  AS payload_out
FROM traffic_hour_total_current h JOIN event_types t USING (event_type_id)
WHERE h.bucket >= %(start)s AND h.bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
