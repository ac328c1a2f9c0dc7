-- What went wrong for one client, by code; `start`, `end` timestamptz, `client_no` integer.
SELECT c.name AS error_code, sum(e.n)::bigint AS errors
FROM client_error_hour_current e JOIN error_codes c USING (error_code_id)
WHERE e.client_no = %(client_no)s AND e.bucket >= %(start)s AND e.bucket < %(end)s
GROUP BY 1
ORDER BY 2 DESC, 1
