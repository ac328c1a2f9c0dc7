-- The same from roll-ups, for changes against past weeks: what hours were like, `before` and `during` timestamptz (UTC
-- hours), `during_seconds` of the second have passed. `part`: messages, bytes, errors.
WITH hours AS (
    SELECT %(before)s::timestamptz AS bucket, 0 AS side UNION ALL SELECT %(during)s, 1
), facts AS (
    SELECT side, 'client' AS dimension, client_no AS id, NULL::integer AS kind,
           CASE %(part)s WHEN 'bytes' THEN bytes_in + bytes_out WHEN 'errors' THEN errors ELSE n END AS amount
    FROM client_hour_current JOIN hours USING (bucket)
    UNION ALL
    SELECT side, 'kind', NULL, nullif(kind, -1),
           CASE %(part)s WHEN 'bytes' THEN bytes_in + bytes_out WHEN 'errors' THEN errors ELSE n END
    FROM kind_hour_current JOIN hours USING (bucket)
    UNION ALL
    SELECT side, 'event_type', event_type_id, NULL,
           CASE %(part)s WHEN 'bytes' THEN bytes_in + bytes_out WHEN 'errors' THEN errors ELSE n END
    FROM traffic_hour_current JOIN hours USING (bucket)
    UNION ALL
    SELECT side, 'error_code', error_code_id, NULL, n
    FROM error_hour_current JOIN hours USING (bucket) WHERE %(part)s = 'errors'
), sums AS (
    SELECT dimension, id, kind, sum(amount) FILTER (WHERE side = 0) AS before, sum(amount) FILTER (WHERE side = 1) AS during
    FROM facts GROUP BY 1, 2, 3
), rates AS (
    SELECT dimension, id, kind, coalesce(before, 0)::float8 / 3600 AS before,
           coalesce(during, 0)::float8 / %(during_seconds)s AS during
    FROM sums
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY dimension ORDER BY abs(during - before) DESC) AS place FROM rates
    UNION ALL
    SELECT 'all', NULL, NULL, coalesce(sum(before), 0), coalesce(sum(during), 0), 1 FROM rates WHERE dimension = 'event_type'
)
SELECT dimension,
       CASE dimension WHEN 'all' THEN '' WHEN 'client' THEN c.client_id WHEN 'event_type' THEN t.name
                      WHEN 'error_code' THEN x.name ELSE r.kind::text END AS name,
       before, during
FROM ranked r
LEFT JOIN clients c ON dimension = 'client' AND c.client_no = r.id
LEFT JOIN event_types t ON dimension = 'event_type' AND t.event_type_id = r.id
LEFT JOIN error_codes x ON dimension = 'error_code' AND x.error_code_id = r.id
WHERE place <= 20
