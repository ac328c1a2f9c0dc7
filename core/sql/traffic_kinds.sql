-- EVENT messages per Nostr kind (-1: none could be read), the most frequent first; `start`, `end` timestamptz,
-- `event_type` text or null, `kind` integer or null.
SELECT h.kind, sum(h.n)::bigint AS events, sum(h.errors)::bigint AS errors,
       sum(h.bytes_in)::bigint AS bytes_in, sum(h.bytes_out)::bigint AS bytes_out
FROM traffic_hour_current h JOIN event_types t USING (event_type_id)
WHERE h.bucket >= %(start)s AND h.bucket < %(end)s AND t.name = 'EVENT'
  AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
  AND (%(kind)s::integer IS NULL OR h.kind = %(kind)s)
GROUP BY 1
ORDER BY 2 DESC, 1
