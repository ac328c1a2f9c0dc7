-- Ended connections that are not packed, per bucket (its number in `edges`) by how long they had lasted: of hours from
-- `packed_before` timestamptz on, and what is not merged yet; `edges` timestamptz[], `start`, `end` timestamptz, `relay`
-- text or null.
SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, duration_bin, sum(n)::bigint AS n,
       sum(duration_ms)::bigint AS duration_ms
FROM (
    SELECT bucket, relay_id, duration_bin, n, duration_ms FROM session_hour
    WHERE bucket >= greatest(%(start)s, %(packed_before)s) AND bucket < %(end)s
    UNION ALL
    SELECT bucket, relay_id, duration_bin, n, duration_ms FROM session_delta WHERE bucket >= %(start)s AND bucket < %(end)s
) AS open
WHERE %(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s)
GROUP BY 1, 2
