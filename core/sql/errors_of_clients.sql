-- Errors of some clients by code, the most frequent first; `clients` integer[], their numbers, `start`, `end` timestamptz.
SELECT e.client_no, c.client_id, x.name AS error_code, sum(e.n)::bigint AS errors
FROM client_error_hour_current e JOIN clients c USING (client_no) JOIN error_codes x USING (error_code_id)
WHERE e.client_no = ANY(%(clients)s) AND e.bucket >= %(start)s AND e.bucket < %(end)s
GROUP BY 1, 2, 3, error_code_id
ORDER BY 4 DESC, error_code_id
