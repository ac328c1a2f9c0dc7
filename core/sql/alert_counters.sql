-- What was counted since an hour, of what is asked for: `keys` integer[], `anchors` timestamptz[] (a UTC hour), and
-- `event_types`, `clients`, `error_codes` text[], `kinds` integer[] (null: all). Whoever asks takes differences of these.
-- Each of the five kinds of questions is read from the roll-up that has the answer.
WITH asked_for AS (
    SELECT a.key, a.anchor, a.kind, t.event_type_id, a.event_type, c.client_no, a.client, x.error_code_id, a.error_code
    FROM unnest(%(keys)s::integer[], %(anchors)s::timestamptz[], %(event_types)s::text[], %(kinds)s::integer[],
                %(clients)s::text[], %(error_codes)s::text[]) AS a (key, anchor, event_type, kind, client, error_code)
    LEFT JOIN event_types t ON t.name = a.event_type
    LEFT JOIN clients c ON c.client_id = a.client
    LEFT JOIN error_codes x ON x.name = a.error_code
)
SELECT key, coalesce(n, 0)::bigint AS messages, coalesce(errors, 0)::bigint AS errors,
       coalesce(unanswered, 0)::bigint AS unanswered, coalesce(bytes, 0)::bigint AS bytes
FROM asked_for a
CROSS JOIN LATERAL (
    SELECT sum(n) AS n, sum(errors) AS errors, sum(unanswered) AS unanswered, sum(bytes_in + bytes_out) AS bytes
    FROM kind_hour_current k WHERE a.kind IS NOT NULL AND k.kind = a.kind AND k.bucket >= a.anchor
    HAVING a.kind IS NOT NULL
    UNION ALL
    SELECT sum(n), sum(errors), sum(unanswered), sum(bytes_in + bytes_out)
    FROM client_hour_current k
    WHERE a.client IS NOT NULL AND a.error_code IS NULL AND k.client_no = a.client_no AND k.bucket >= a.anchor
      AND (a.event_type IS NULL OR k.event_type_id = a.event_type_id)
    HAVING a.client IS NOT NULL AND a.error_code IS NULL
    UNION ALL
    SELECT sum(n), sum(n), 0, 0
    FROM client_error_hour_current k
    WHERE a.client IS NOT NULL AND a.error_code IS NOT NULL AND k.client_no = a.client_no AND k.bucket >= a.anchor
      AND k.error_code_id = a.error_code_id
    HAVING a.client IS NOT NULL AND a.error_code IS NOT NULL
    UNION ALL
    SELECT sum(n), sum(n), 0, 0
    FROM error_hour_current k
    WHERE a.client IS NULL AND a.error_code IS NOT NULL AND k.bucket >= a.anchor AND k.error_code_id = a.error_code_id
      AND (a.event_type IS NULL OR k.event_type_id = a.event_type_id)
    HAVING a.client IS NULL AND a.error_code IS NOT NULL
    UNION ALL
    SELECT sum(n), sum(errors), sum(unanswered), sum(bytes_in + bytes_out)
    FROM traffic_hour_current k
    WHERE a.kind IS NULL AND a.client IS NULL AND a.error_code IS NULL AND k.bucket >= a.anchor
      AND (a.event_type IS NULL OR k.event_type_id = a.event_type_id)
    HAVING a.kind IS NULL AND a.client IS NULL AND a.error_code IS NULL
) AS counted
