-- What one client did with EVENT messages of one kind, per bucket (its number in `edges`), otherwise as client_over_time;
-- `edges` timestamptz[], `start`, `end` timestamptz, `client_no`, `kind` integer.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, 'EVENT' AS event_type, sum(n)::bigint AS events,
       sum(accepted)::bigint AS accepted, sum(duplicate)::bigint AS duplicate, sum(rejected)::bigint AS rejected,
       sum(errors)::bigint AS errors, sum(unanswered)::bigint AS unanswered, 0::bigint AS events_out,
       sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out, sum(payload_in)::bigint AS payload_in,
       sum(payload_out)::bigint AS payload_out, sum(rt_n)::bigint AS answered, sum(rt_sum) AS ms
FROM client_kind_hour_current
WHERE kind = %(kind)s AND client_no = %(client_no)s
  AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1
