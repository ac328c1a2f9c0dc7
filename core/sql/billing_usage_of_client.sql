-- The same as billing_usage, of one client from its hours; `start`, `end` timestamptz, `client` text (its client_id).
SELECT h.client_no::bigint,
       coalesce(sum(h.accepted) FILTER (WHERE t.name = 'EVENT'), 0)::bigint  AS accepted,
       coalesce(sum(h.duplicate) FILTER (WHERE t.name = 'EVENT'), 0)::bigint AS duplicate,
       coalesce(sum(h.rejected) FILTER (WHERE t.name = 'EVENT'), 0)::bigint  AS rejected,
       coalesce(sum(h.n) FILTER (WHERE t.name = 'REQ'), 0)::bigint           AS reqs,
       coalesce(sum(h.n) FILTER (WHERE t.name = 'COUNT'), 0)::bigint         AS counts,
       sum(h.events_out)::bigint  AS delivered,
       sum(h.bytes_in)::bigint    AS bytes_in,
       sum(h.bytes_out)::bigint   AS bytes_out,
       sum(h.payload_in)::bigint  AS payload_in,
       sum(h.payload_out)::bigint AS payload_out
FROM client_hour_current h JOIN event_types t USING (event_type_id)
WHERE h.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
  AND h.bucket >= %(start)s AND h.bucket < %(end)s
GROUP BY 1
