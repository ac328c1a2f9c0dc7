-- The same as client_pattern, of EVENT messages of one kind; `start`, `end` timestamptz, `client_no`, `kind` integer.
SELECT bucket, sum(n)::bigint AS events
FROM client_kind_hour_current
WHERE kind = %(kind)s AND client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY bucket
HAVING sum(n) > 0
