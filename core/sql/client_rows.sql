-- The rest of a range, in the form of packs (place 0): what its packs leave out, by days and hours. `hours` (1 or 24), `signs`
-- integer[], `firsts`, `lasts` timestamptz[] are its parts; `start`, `end` timestamptz the range itself, of which what is
-- not merged yet is added. `measures` text[], `event_type` text or null. A client comes once per row, to be added up: that
-- is quicker done by the reader.
WITH parts AS (
    SELECT *, (first AT TIME ZONE 'UTC')::date AS first_day, (last AT TIME ZONE 'UTC')::date AS last_day
    FROM unnest(%(hours)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(signs)s::integer[])
         AS parts (hours, first, last, sign)
), facts AS (
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, errors, unanswered,
           events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN client_day ON hours = 24 AND day >= first_day AND day < last_day
    UNION ALL
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, errors, unanswered,
           events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM parts JOIN client_hour ON hours = 1 AND bucket >= first AND bucket < last
    UNION ALL
    SELECT client_no, event_type_id, 1, n, accepted, duplicate, rejected, errors, unanswered,
           events_out, bytes_in, bytes_out, payload_in, payload_out
    FROM client_delta WHERE bucket >= %(start)s AND bucket < %(end)s
), types AS (
    SELECT min(event_type_id) FILTER (WHERE name = 'EVENT') AS event, min(event_type_id) FILTER (WHERE name = 'REQ') AS req,
           min(event_type_id) FILTER (WHERE name = 'COUNT') AS count
    FROM event_types
), packs AS (
    SELECT string_agg(int8send(client_no), ''::bytea) AS client_no,
           string_agg(int8send(sign * n), ''::bytea) FILTER (WHERE 'n' = ANY(%(measures)s)) AS n,
           string_agg(int8send(sign * accepted), ''::bytea) FILTER (WHERE 'accepted' = ANY(%(measures)s)) AS accepted,
           string_agg(int8send(sign * duplicate), ''::bytea) FILTER (WHERE 'duplicate' = ANY(%(measures)s)) AS duplicate,
           string_agg(int8send(sign * rejected), ''::bytea) FILTER (WHERE 'rejected' = ANY(%(measures)s)) AS rejected,
           string_agg(int8send(sign * errors), ''::bytea) FILTER (WHERE 'errors' = ANY(%(measures)s)) AS errors,
           string_agg(int8send(sign * unanswered), ''::bytea) FILTER (WHERE 'unanswered' = ANY(%(measures)s)) AS unanswered,
           string_agg(int8send(sign * events_out), ''::bytea) FILTER (WHERE 'events_out' = ANY(%(measures)s)) AS events_out,
           string_agg(int8send(sign * bytes_in), ''::bytea) FILTER (WHERE 'bytes_in' = ANY(%(measures)s)) AS bytes_in,
           string_agg(int8send(sign * bytes_out), ''::bytea) FILTER (WHERE 'bytes_out' = ANY(%(measures)s)) AS bytes_out,
           string_agg(int8send(sign * payload_in), ''::bytea) FILTER (WHERE 'payload_in' = ANY(%(measures)s)) AS payload_in,
           string_agg(int8send(sign * payload_out), ''::bytea) FILTER (WHERE 'payload_out' = ANY(%(measures)s)) AS payload_out,
           string_agg(int8send(CASE WHEN event_type_id = types.event THEN sign * accepted ELSE 0 END), ''::bytea)
               FILTER (WHERE 'event_accepted' = ANY(%(measures)s)) AS event_accepted,
           string_agg(int8send(CASE WHEN event_type_id = types.event THEN sign * duplicate ELSE 0 END), ''::bytea)
               FILTER (WHERE 'event_duplicate' = ANY(%(measures)s)) AS event_duplicate,
           string_agg(int8send(CASE WHEN event_type_id = types.event THEN sign * rejected ELSE 0 END), ''::bytea)
               FILTER (WHERE 'event_rejected' = ANY(%(measures)s)) AS event_rejected,
           string_agg(int8send(CASE WHEN event_type_id = types.req THEN sign * n ELSE 0 END), ''::bytea)
               FILTER (WHERE 'reqs' = ANY(%(measures)s)) AS reqs,
           string_agg(int8send(CASE WHEN event_type_id = types.count THEN sign * n ELSE 0 END), ''::bytea)
               FILTER (WHERE 'counts' = ANY(%(measures)s)) AS counts
    FROM facts CROSS JOIN types
    -- as an expression: by the primary key, a type of all clients costs more than all types of the hours
    WHERE %(event_type)s::text IS NULL
       OR event_type_id::integer = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s)
)
SELECT 0 AS place, 1 AS sign, measure, 8 AS width, numbers
FROM packs CROSS JOIN LATERAL (VALUES
    ('client_no', client_no), ('n', n), ('accepted', accepted), ('duplicate', duplicate),
    ('rejected', rejected), ('errors', errors), ('unanswered', unanswered), ('events_out', events_out),
    ('bytes_in', bytes_in), ('bytes_out', bytes_out), ('payload_in', payload_in), ('payload_out', payload_out),
    ('event_accepted', event_accepted), ('event_duplicate', event_duplicate), ('event_rejected', event_rejected),
    ('reqs', reqs), ('counts', counts)
) AS one (measure, numbers)
WHERE measure = ANY(%(measures)s) AND numbers IS NOT NULL
