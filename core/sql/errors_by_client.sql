-- The clients with the most errors, and of each its most frequent code; `start`, `end` timestamptz, `error_code`, `client`
-- (its client_id) text or null, `top` integer.
WITH code AS (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s),
worst AS (
    SELECT e.client_no, sum(e.n)::bigint AS errors
    FROM client_error_hour_current e
    WHERE e.bucket >= %(start)s AND e.bucket < %(end)s
      AND (%(error_code)s::text IS NULL OR e.error_code_id = (SELECT error_code_id FROM code))
      AND (%(client)s::text IS NULL OR e.client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s))
    GROUP BY 1
    ORDER BY 2 DESC, 1
    LIMIT %(top)s
)
SELECT c.client_id, w.errors, x.name AS error_code, most.errors AS error_code_errors
FROM worst w
JOIN clients c USING (client_no)
CROSS JOIN LATERAL (
    SELECT e.error_code_id, sum(e.n)::bigint AS errors
    FROM client_error_hour_current e
    WHERE e.client_no = w.client_no AND e.bucket >= %(start)s AND e.bucket < %(end)s
      AND (%(error_code)s::text IS NULL OR e.error_code_id = (SELECT error_code_id FROM code))
    GROUP BY 1
    ORDER BY 2 DESC, 1
    LIMIT 1
) AS most
JOIN error_codes x USING (error_code_id)
ORDER BY w.errors DESC, w.client_no
