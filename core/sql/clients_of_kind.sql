-- Every client that sent an EVENT of one kind in a range, with its measures of them; `start`, `end` timestamptz, `kind`
-- integer, `clients` integer[] (their numbers) or null: all. Nothing is delivered for an EVENT.
SELECT client_no, sum(n)::bigint AS events, sum(accepted)::bigint AS accepted, sum(duplicate)::bigint AS duplicate,
       sum(rejected)::bigint AS rejected, sum(errors)::bigint AS errors, sum(unanswered)::bigint AS unanswered,
       0::bigint AS events_out, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out,
       sum(payload_in)::bigint AS payload_in, sum(payload_out)::bigint AS payload_out, sum(rt_n)::bigint AS answered,
       sum(rt_sum) AS ms
FROM client_kind_hour_current
WHERE kind = %(kind)s AND bucket >= %(start)s AND bucket < %(end)s
  AND (%(clients)s::integer[] IS NULL OR client_no = ANY(%(clients)s::integer[]))
GROUP BY 1
