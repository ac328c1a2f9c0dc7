-- The hours in which the newest errors of a range lie, the newest first: of the `limit` integer newest rows by hour, each of
-- which counts one error or more, and of what is not merged yet. `start`, `end` timestamptz (whole hours), `client_no`
-- integer or null, `event_type` (null for a client, by which no type is kept), `error_code` text or null, `kind` integer or
-- null (for a client always).
WITH type AS (SELECT event_type_id FROM event_types WHERE name = %(event_type)s),
code AS (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s)
SELECT DISTINCT bucket FROM (
    (SELECT bucket FROM error_hour
     WHERE %(client_no)s::integer IS NULL AND %(kind)s::integer IS NULL AND bucket >= %(start)s AND bucket < %(end)s
       AND (%(event_type)s::text IS NULL OR event_type_id = (SELECT event_type_id FROM type))
       AND (%(error_code)s::text IS NULL OR error_code_id = (SELECT error_code_id FROM code))
     ORDER BY bucket DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT bucket FROM client_error_hour
     WHERE client_no = %(client_no)s::integer AND bucket >= %(start)s AND bucket < %(end)s
       AND (%(error_code)s::text IS NULL OR error_code_id = (SELECT error_code_id FROM code))
     ORDER BY bucket DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT bucket FROM kind_error_hour
     WHERE kind = %(kind)s::integer AND bucket >= %(start)s AND bucket < %(end)s
       AND (%(error_code)s::text IS NULL OR error_code_id = (SELECT error_code_id FROM code))
     ORDER BY bucket DESC LIMIT %(limit)s)
    UNION ALL
    SELECT bucket FROM kind_error_delta
    WHERE kind = %(kind)s::integer AND bucket >= %(start)s AND bucket < %(end)s
      AND (%(error_code)s::text IS NULL OR error_code_id = (SELECT error_code_id FROM code))
    UNION ALL
    SELECT bucket FROM error_delta
    WHERE %(kind)s::integer IS NULL AND bucket >= %(start)s AND bucket < %(end)s
      AND (%(client_no)s::integer IS NULL OR client_no = %(client_no)s::integer)
      AND (%(event_type)s::text IS NULL OR event_type_id = (SELECT event_type_id FROM type))
      AND (%(error_code)s::text IS NULL OR error_code_id = (SELECT error_code_id FROM code))
) AS newest
ORDER BY bucket DESC
