-- Messages and bytes per step and event type; `start`, `end` timestamptz, `step` interval.
-- Connection totals that belong to no message come as event type NULL with n = 0.
SELECT date_bin(%(step)s, bucket, %(start)s) AS step,
       t.name                                AS event_type,
       sum(n)::bigint                        AS n,
       sum(errors)::bigint                   AS errors,
       sum(unanswered)::bigint               AS unanswered,
       sum(bytes_in + bytes_out)::bigint     AS bytes
FROM traffic_second_current LEFT JOIN event_types t USING (event_type_id)
WHERE bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1, 2
