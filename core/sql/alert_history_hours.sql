-- The same hour by hour, of what only hours are kept of: `start`, `end` timestamptz, `event_type`, `client`, `error_code`
-- text, `kind` integer or null, one kind of question at a time (as in `alert_counters`).
WITH wanted AS (
    SELECT (SELECT event_type_id FROM event_types WHERE name = %(event_type)s) AS event_type_id,
           (SELECT client_no FROM clients WHERE client_id = %(client)s) AS client_no,
           (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s) AS error_code_id
), facts AS (
    SELECT bucket, n, errors, unanswered, bytes_in + bytes_out AS bytes FROM kind_hour_current
    WHERE %(kind)s::integer IS NOT NULL AND kind = %(kind)s AND bucket >= %(start)s AND bucket < %(end)s
    UNION ALL
    SELECT bucket, n, errors, unanswered, bytes_in + bytes_out FROM client_hour_current h, wanted w
    WHERE %(client)s::text IS NOT NULL AND %(error_code)s::text IS NULL AND h.client_no = w.client_no
      AND bucket >= %(start)s AND bucket < %(end)s AND (%(event_type)s::text IS NULL OR h.event_type_id = w.event_type_id)
    UNION ALL
    SELECT bucket, n, n, 0, 0 FROM client_error_hour_current h, wanted w
    WHERE %(client)s::text IS NOT NULL AND %(error_code)s::text IS NOT NULL AND h.client_no = w.client_no
      AND h.error_code_id = w.error_code_id AND bucket >= %(start)s AND bucket < %(end)s
    UNION ALL
    SELECT bucket, n, n, 0, 0 FROM error_hour_current h, wanted w
    WHERE %(client)s::text IS NULL AND %(error_code)s::text IS NOT NULL AND h.error_code_id = w.error_code_id
      AND bucket >= %(start)s AND bucket < %(end)s AND (%(event_type)s::text IS NULL OR h.event_type_id = w.event_type_id)
    UNION ALL
    SELECT bucket, n, errors, unanswered, bytes_in + bytes_out FROM traffic_hour_current h, wanted w
    WHERE %(kind)s::integer IS NULL AND %(client)s::text IS NULL AND %(error_code)s::text IS NULL
      AND bucket >= %(start)s AND bucket < %(end)s AND (%(event_type)s::text IS NULL OR h.event_type_id = w.event_type_id)
), known AS (  -- an hour with traffic in which what is asked for did not come is zero
    SELECT DISTINCT bucket FROM traffic_hour_current WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT bucket, coalesce(sum(n), 0)::bigint AS messages, coalesce(sum(errors), 0)::bigint AS errors,
       coalesce(sum(unanswered), 0)::bigint AS unanswered, coalesce(sum(bytes), 0)::bigint AS bytes
FROM known LEFT JOIN facts USING (bucket)
GROUP BY 1 ORDER BY 1
