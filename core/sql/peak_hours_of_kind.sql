-- The same as peak_hours, of EVENT messages of one kind; `start`, `end` timestamptz, `kind`, `peaks` integer.
SELECT bucket, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
FROM kind_hour_current
WHERE kind = %(kind)s AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1
HAVING sum(bytes_in + bytes_out) > 0
ORDER BY sum(bytes_in + bytes_out) DESC, 1
LIMIT %(peaks)s
