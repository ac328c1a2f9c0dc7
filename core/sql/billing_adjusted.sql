-- All adjustments of a closed period per client; `period_id` integer, `client` text (its client_id) or null.
SELECT client_no::bigint, sum(accepted)::bigint, sum(duplicate)::bigint, sum(rejected)::bigint, sum(reqs)::bigint,
       sum(counts)::bigint, sum(delivered)::bigint, sum(bytes_in)::bigint, sum(bytes_out)::bigint,
       sum(payload_in)::bigint, sum(payload_out)::bigint, sum(base_fee)::bigint, sum(cost_in)::bigint,
       sum(cost_out)::bigint, sum(cost_events)::bigint, sum(cost_reqs)::bigint, sum(cost_delivered)::bigint,
       sum(credit)::bigint
FROM billing_lines
WHERE period_id = %(period_id)s AND number > 0 AND (%(client)s::text IS NULL OR client_id = %(client)s)
GROUP BY 1
