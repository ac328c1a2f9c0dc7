-- The same as bandwidth_of_kind, of one client; `edges` timestamptz[], `start`, `end` timestamptz, `client` text (its
-- client_id), `kind` integer.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, 'EVENT' AS event_type,
       sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out,
       sum(payload_in)::bigint AS payload_in, sum(payload_out)::bigint AS payload_out
FROM client_kind_hour_current
WHERE kind = %(kind)s AND client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
  AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1
