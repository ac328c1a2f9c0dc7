-- Messages and bytes per step (counted from `start`) and event type; `start`, `end` timestamptz, `step` seconds.
-- Connection totals that belong to no message come as event type DELIVERY with n = 0.
SELECT floor(extract(epoch FROM bucket - %(start)s) / %(step)s)::integer AS step,
       t.name                                AS event_type,
       sum(n)::bigint                        AS n,
       sum(errors)::bigint                   AS errors,
       sum(unanswered)::bigint               AS unanswered,
       sum(bytes_in + bytes_out)::bigint     AS bytes
FROM traffic_second_current JOIN event_types t USING (event_type_id)
WHERE bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1, 2
