-- The lines of a closed period's adjustments, the newest adjustment first; `period_id` integer, `client` text (its
-- client_id) or null, `limit` integer.
SELECT a.number, a.made_at, a.credit AS manual, a.reason, l.client_id,
       l.accepted, l.duplicate, l.rejected, l.reqs, l.counts, l.delivered, l.bytes_in, l.bytes_out, l.payload_in,
       l.payload_out, l.base_fee, l.cost_in, l.cost_out, l.cost_events, l.cost_reqs, l.cost_delivered, l.credit
FROM billing_adjustments a JOIN billing_lines l USING (period_id, number)
WHERE a.period_id = %(period_id)s AND (%(client)s::text IS NULL OR l.client_id = %(client)s)
ORDER BY a.number DESC,
         abs(l.base_fee + l.cost_in + l.cost_out + l.cost_events + l.cost_reqs + l.cost_delivered + l.credit) DESC,
         l.client_no
LIMIT %(limit)s
