-- The same as peak_hours_of_kind, of one client; `start`, `end` timestamptz, `client` text, `kind`, `peaks` integer.
SELECT bucket, sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out
FROM client_kind_hour_current
WHERE kind = %(kind)s AND client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
  AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1
HAVING sum(bytes_in + bytes_out) > 0
ORDER BY sum(bytes_in + bytes_out) DESC, 1
LIMIT %(peaks)s
