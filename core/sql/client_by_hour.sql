-- What one client did, per bucket (its number in `edges`) and event type; `edges` timestamptz[], `start`, `end`
-- timestamptz, `client_no` integer, `event_type` text or null. Reads hours; client_by_day reads days, for buckets that are whole days of UTC.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type,
       sum(n)::bigint AS events, sum(accepted)::bigint AS accepted, sum(duplicate)::bigint AS duplicate,
       sum(rejected)::bigint AS rejected, sum(errors)::bigint AS errors, sum(unanswered)::bigint AS unanswered,
       sum(events_out)::bigint AS events_out, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out,
       sum(payload_in)::bigint AS payload_in, sum(payload_out)::bigint AS payload_out, sum(rt_n)::bigint AS answered,
       sum(rt_sum) AS ms
FROM client_hour_current c JOIN event_types t USING (event_type_id)
WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
