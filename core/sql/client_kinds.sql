-- EVENT messages of one client per Nostr kind (-1: none could be read), the most frequent first; `start`, `end`
-- timestamptz, `client` text (its client_id), `kind` integer or null.
-- Looked up kind by kind: a client's rows lie together within each.
WITH who AS (SELECT client_no FROM clients WHERE client_id = %(client)s),
kinds AS (
    SELECT kind FROM kind_day
    WHERE day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date AND day <= (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
    UNION
    SELECT kind FROM kind_delta WHERE bucket >= %(start)s AND bucket < %(end)s
), facts AS (
    SELECT kinds.kind, one.n, one.errors, one.bytes_in, one.bytes_out
    FROM kinds CROSS JOIN LATERAL (
        SELECT * FROM client_kind_hour h
        WHERE h.kind = kinds.kind AND h.client_no = (SELECT client_no FROM who)
          AND h.bucket >= %(start)s AND h.bucket < %(end)s) AS one
    UNION ALL
    SELECT kind, n, errors, bytes_in, bytes_out FROM client_kind_delta
    WHERE client_no = (SELECT client_no FROM who) AND bucket >= %(start)s AND bucket < %(end)s
)
SELECT kind, sum(n)::bigint AS events, sum(errors)::bigint AS errors, sum(bytes_in)::bigint AS bytes_in,
       sum(bytes_out)::bigint AS bytes_out
FROM facts
WHERE %(kind)s::integer IS NULL OR kind = %(kind)s
GROUP BY 1
ORDER BY 2 DESC, 1
