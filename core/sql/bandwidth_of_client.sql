-- The same as bandwidth_over_time, of one client; `edges` timestamptz[], `start`, `end` timestamptz, `client` text (its
-- client_id), `event_type` text or null.
SELECT width_bucket(h.bucket, %(edges)s::timestamptz[]) - 1 AS step,
       t.name                      AS event_type,
       sum(h.bytes_in)::bigint     AS bytes_in,
       sum(h.bytes_out)::bigint    AS bytes_out,
       sum(h.payload_in)::bigint   AS payload_in,
       sum(h.payload_out)::bigint  AS payload_out
FROM client_hour_current h JOIN event_types t USING (event_type_id)
WHERE h.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
  AND h.bucket >= %(start)s AND h.bucket < %(end)s
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
GROUP BY 1, 2
