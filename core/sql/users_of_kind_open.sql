-- Who sent an EVENT of one kind in each step between two `edges` (-1: ever before the first) and is not in packs: of hours
-- from `packed_before` timestamptz on, and what is not merged yet; `edges` timestamptz[] on whole hours, `kind` integer.
SELECT DISTINCT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, client_no
FROM (
    -- as an expression: by the primary key, all hours of a kind cost more than all kinds of the hours
    SELECT bucket, client_no FROM client_kind_hour WHERE kind + 0 = %(kind)s AND bucket >= %(packed_before)s
    UNION ALL
    SELECT bucket, client_no FROM client_kind_delta WHERE kind = %(kind)s
) AS open
WHERE bucket < (%(edges)s::timestamptz[])[cardinality(%(edges)s::timestamptz[])]
