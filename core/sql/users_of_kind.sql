-- Who sent an EVENT of one kind in each step between two `edges` (-1: ever before the first), as users_pending; `edges`
-- timestamptz[] on whole hours, `kind` integer.
SELECT DISTINCT width_bucket(bucket, %(edges)s::timestamptz[]) - 1 AS step, client_no
FROM client_kind_hour_current
WHERE kind = %(kind)s AND bucket < (%(edges)s::timestamptz[])[cardinality(%(edges)s::timestamptz[])]
