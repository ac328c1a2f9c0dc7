-- The lines of a closed period as they were frozen; `period_id` integer, `client` text (its client_id) or null.
SELECT client_no::bigint, accepted, duplicate, rejected, reqs, counts, delivered, bytes_in, bytes_out, payload_in,
       payload_out, base_fee, cost_in, cost_out, cost_events, cost_reqs, cost_delivered, credit
FROM billing_lines
WHERE period_id = %(period_id)s AND number = 0 AND (%(client)s::text IS NULL OR client_id = %(client)s)
