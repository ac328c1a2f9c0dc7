-- The rest of a range, in the form of packs (place 0): what its packs leave out, by days and hours. `hours` (1 or 24), `signs`
-- integer[], `firsts`, `lasts` timestamptz[] are its parts; `start`, `end` timestamptz the range itself, of which what is
-- not merged yet is added. `measures` text[], `event_type` text or null.
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
), sums AS (
    SELECT client_no,
           coalesce(sum(sign * n) FILTER (WHERE 'n' = ANY(%(measures)s)), 0)::bigint AS n,
           coalesce(sum(sign * accepted) FILTER (WHERE 'accepted' = ANY(%(measures)s)), 0)::bigint AS accepted,
           coalesce(sum(sign * duplicate) FILTER (WHERE 'duplicate' = ANY(%(measures)s)), 0)::bigint AS duplicate,
           coalesce(sum(sign * rejected) FILTER (WHERE 'rejected' = ANY(%(measures)s)), 0)::bigint AS rejected,
           coalesce(sum(sign * errors) FILTER (WHERE 'errors' = ANY(%(measures)s)), 0)::bigint AS errors,
           coalesce(sum(sign * unanswered) FILTER (WHERE 'unanswered' = ANY(%(measures)s)), 0)::bigint AS unanswered,
           coalesce(sum(sign * events_out) FILTER (WHERE 'events_out' = ANY(%(measures)s)), 0)::bigint AS events_out,
           coalesce(sum(sign * bytes_in) FILTER (WHERE 'bytes_in' = ANY(%(measures)s)), 0)::bigint AS bytes_in,
           coalesce(sum(sign * bytes_out) FILTER (WHERE 'bytes_out' = ANY(%(measures)s)), 0)::bigint AS bytes_out,
           coalesce(sum(sign * payload_in) FILTER (WHERE 'payload_in' = ANY(%(measures)s)), 0)::bigint AS payload_in,
           coalesce(sum(sign * payload_out) FILTER (WHERE 'payload_out' = ANY(%(measures)s)), 0)::bigint AS payload_out
    FROM facts
    -- as an expression: by the primary key, a type of all clients costs more than all types of the hours
    WHERE %(event_type)s::text IS NULL
       OR event_type_id::integer = (SELECT event_type_id FROM event_types WHERE name = %(event_type)s)
    GROUP BY client_no
), packs AS (
    SELECT string_agg(int4send(client_no), ''::bytea) AS client_no,
           string_agg(int8send(n), ''::bytea) AS n,
           string_agg(int8send(accepted), ''::bytea) AS accepted,
           string_agg(int8send(duplicate), ''::bytea) AS duplicate,
           string_agg(int8send(rejected), ''::bytea) AS rejected,
           string_agg(int8send(errors), ''::bytea) AS errors,
           string_agg(int8send(unanswered), ''::bytea) AS unanswered,
           string_agg(int8send(events_out), ''::bytea) AS events_out,
           string_agg(int8send(bytes_in), ''::bytea) AS bytes_in,
           string_agg(int8send(bytes_out), ''::bytea) AS bytes_out,
           string_agg(int8send(payload_in), ''::bytea) AS payload_in,
           string_agg(int8send(payload_out), ''::bytea) AS payload_out
    FROM sums
)
SELECT 0 AS place, 1 AS sign, measure, numbers
FROM packs CROSS JOIN LATERAL (VALUES
    ('client_no', client_no), ('n', n), ('accepted', accepted), ('duplicate', duplicate),
    ('rejected', rejected), ('errors', errors), ('unanswered', unanswered), ('events_out', events_out),
    ('bytes_in', bytes_in), ('bytes_out', bytes_out), ('payload_in', payload_in), ('payload_out', payload_out)
) AS one (measure, numbers)
WHERE measure = ANY(%(measures)s) AND numbers IS NOT NULL
