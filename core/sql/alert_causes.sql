-- What messages were, before and during an incident: `starts`, `ends` timestamptz[], `during` boolean[], of each the first
-- `widths` float8[] seconds of every `steps` float8[]; `before_seconds`, `during_seconds` of these together. `part`: what is counted (messages, errors, unanswered, bytes,
-- slow: longer than `slow_ms`); `event_type`, `client`, `error_code` text, `kind` integer or null. Amounts per second, by
-- one dimension at a time ('all': of everything), and of each those that changed most.
-- From raw rows: only they say which app, client and kind it was in the same minute; `causes.py` keeps the slices short.
WITH slices AS (
    SELECT * FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[], %(during)s::boolean[], %(steps)s::float8[],
                         %(widths)s::float8[]) AS slices (start, "end", during, step, width)
), wanted AS (
    SELECT (SELECT event_type_id FROM event_types WHERE name = %(event_type)s) AS event_type_id,
           (SELECT event_type_id FROM event_types WHERE name = 'EVENT') AS of_event,
           (SELECT client_no FROM clients WHERE client_id = %(client)s) AS client_no,
           (SELECT error_code_id FROM error_codes WHERE name = %(error_code)s) AS error_code_id,
           (SELECT outcome_id FROM outcomes WHERE name = 'unanswered') AS unanswered
), facts AS (
    SELECT s.during, r.app_id, r.client_no, r.event_type_id, r.error_code_id,
           CASE WHEN r.event_type_id = w.of_event THEN r.kind END AS kind,
           sum(CASE %(part)s WHEN 'errors' THEN (r.error_code_id <> 0)::integer
                             WHEN 'unanswered' THEN (r.outcome_id = w.unanswered)::integer
                             WHEN 'slow' THEN coalesce(r.response_time_ms > %(slow_ms)s, false)::integer
                             WHEN 'bytes' THEN r.bytes_in + r.bytes_out
                             ELSE 1 END)::float8 AS amount
    FROM slices s CROSS JOIN wanted w
    CROSS JOIN LATERAL (
        SELECT *, extract(epoch FROM e.timestamp - s.start)::float8 AS since
        FROM traffic_events_raw e WHERE e.timestamp >= s.start AND e.timestamp < s."end"
    ) AS r
    WHERE since - floor(since / step) * step < width AND (%(event_type)s::text IS NULL OR r.event_type_id = w.event_type_id)
      AND (%(client)s::text IS NULL OR r.client_no = w.client_no)
      AND (%(error_code)s::text IS NULL OR r.error_code_id = w.error_code_id)
      AND (%(kind)s::integer IS NULL OR r.kind = %(kind)s)
    GROUP BY 1, 2, 3, 4, 5, 6
), sums AS (
    SELECT grouping(app_id, client_no, event_type_id, error_code_id, kind) AS by, app_id, client_no, event_type_id,
           error_code_id, kind,
           coalesce(sum(amount) FILTER (WHERE NOT during), 0) / %(before_seconds)s AS before,
           coalesce(sum(amount) FILTER (WHERE during), 0) / %(during_seconds)s AS during
    FROM facts
    GROUP BY GROUPING SETS ((), (app_id), (client_no), (event_type_id), (error_code_id), (kind))
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY by ORDER BY abs(during - before) DESC) AS place FROM sums
)
SELECT CASE by WHEN 31 THEN 'all' WHEN 15 THEN 'app' WHEN 23 THEN 'client' WHEN 27 THEN 'event_type'
               WHEN 29 THEN 'error_code' ELSE 'kind' END AS dimension,
       CASE by WHEN 31 THEN '' WHEN 15 THEN a.name WHEN 23 THEN c.client_id WHEN 27 THEN t.name
               WHEN 29 THEN x.name ELSE r.kind::text END AS name,
       before, during
FROM ranked r
LEFT JOIN apps a ON a.app_id = r.app_id
LEFT JOIN clients c ON c.client_no = r.client_no
LEFT JOIN event_types t ON t.event_type_id = r.event_type_id
LEFT JOIN error_codes x ON x.error_code_id = r.error_code_id AND r.error_code_id <> 0
WHERE place <= 20
