-- Answered messages that are not packed, per bucket (its number in `edges`), event type and latency bin: of hours from
-- `packed_before` timestamptz on, and what is not merged yet; `edges` timestamptz[], `start`, `end` timestamptz,
-- `event_type` text or null.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, t.name AS event_type, bin, sum(n)::bigint AS n
FROM (
    SELECT bucket, event_type_id, bin, n FROM latency_hour
    WHERE bucket >= greatest(%(start)s, %(packed_before)s) AND bucket < %(end)s
    UNION ALL
    SELECT bucket, event_type_id, bin, n FROM latency_delta WHERE bucket >= %(start)s AND bucket < %(end)s
) AS open JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
GROUP BY 1, 2, 3
