-- Errors of some clients by code, the most frequent first; `clients` integer[], their numbers.
-- The range is put together from hours and days of UTC (core/storage/spans.py): `hours` (1 or 24), `signs` integer[] and
-- `buckets` timestamptz[]; of what is not merged yet, `start`, `end` timestamptz take part.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[]) AS parts (hours, bucket, sign)
), facts AS (
    SELECT client_no, error_code_id, sign, n FROM parts JOIN client_error_hour USING (bucket)
    WHERE hours = 1 AND client_no = ANY(%(clients)s)
    UNION ALL
    SELECT client_no, error_code_id, sign, n FROM parts JOIN client_error_day USING (day)
    WHERE hours = 24 AND client_no = ANY(%(clients)s)
    UNION ALL
    SELECT client_no, error_code_id, 1, n FROM error_delta
    WHERE bucket >= %(start)s AND bucket < %(end)s AND client_no = ANY(%(clients)s)
)
SELECT f.client_no, c.client_id, x.name AS error_code, sum(sign * n)::bigint AS errors
FROM facts f JOIN clients c USING (client_no) JOIN error_codes x USING (error_code_id)
GROUP BY 1, 2, 3, error_code_id
HAVING sum(sign * n) <> 0
ORDER BY 4 DESC, error_code_id
