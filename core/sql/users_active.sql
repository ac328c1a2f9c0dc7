-- Who was active in each step between two `edges` (-1: ever before the first), as bits by chunk of 65,536 clients up to
-- the last client there is, of what is merged; `edges` timestamptz[] on whole hours, `event_type` text or null.
-- UTC days that lie within a step are read as days, what is left of it by the hour.
WITH wanted AS (
    SELECT CASE WHEN %(event_type)s::text IS NULL THEN 0::smallint
                ELSE (SELECT event_type_id FROM event_types WHERE name = %(event_type)s) END AS event_type_id,
           (SELECT max(client_no) + 1 FROM clients) AS clients
), asked AS (
    SELECT e AS edges, e[1] AS first, e[cardinality(e)] AS last FROM (SELECT %(edges)s::timestamptz[] AS e) edges
), parts AS (
    SELECT width_bucket(d.day::timestamp AT TIME ZONE 'UTC', asked.edges) - 1 AS step, d.chunk, d.bits
    FROM asked, active_day d
    WHERE d.event_type_id = (SELECT event_type_id FROM wanted) AND d.day < (asked.last AT TIME ZONE 'UTC')::date
      AND width_bucket(d.day::timestamp AT TIME ZONE 'UTC', asked.edges)
        = width_bucket(d.day::timestamp AT TIME ZONE 'UTC' + interval '23 hours', asked.edges)
    UNION ALL
    SELECT width_bucket(h.bucket, asked.edges) - 1, h.chunk, h.bits
    FROM asked, active_hour h
    WHERE h.event_type_id = (SELECT event_type_id FROM wanted)
      AND h.bucket >= date_trunc('day', asked.first, 'UTC') AND h.bucket < asked.last
      AND width_bucket(date_trunc('day', h.bucket, 'UTC'), asked.edges)
       <> width_bucket(date_trunc('day', h.bucket, 'UTC') + interval '23 hours', asked.edges)
)
SELECT step, chunk, substring(bit_or(bits) FOR (SELECT clients FROM wanted) - 65536 * chunk) AS bits
FROM parts GROUP BY step, chunk
