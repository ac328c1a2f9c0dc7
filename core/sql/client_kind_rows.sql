-- What the packs of one kind leave out of a range, in their form (place 0): the hours from `firsts` to `lasts` timestamptz[]
-- with their `signs` integer[], and of the range `start` to `end` timestamptz what is not merged yet; `kind` integer,
-- `measures` text[]. A client comes once per row, as in client_rows.
WITH facts AS (
    SELECT client_no, sign::bigint AS sign, n, accepted, duplicate, rejected, errors, unanswered,
           bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(signs)s::integer[]) AS parts (first, last, sign)
    -- as an expression: by the primary key, all hours of a kind cost more than all kinds of the hours
    JOIN client_kind_hour ON bucket >= first AND bucket < last AND kind + 0 = %(kind)s
    UNION ALL
    SELECT client_no, 1, n, accepted, duplicate, rejected, errors, unanswered,
           bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM client_kind_delta WHERE bucket >= %(start)s AND bucket < %(end)s AND kind = %(kind)s
), packs AS (
    SELECT string_agg(int8send(client_no), ''::bytea) AS client_no,
           string_agg(int8send(sign * n), ''::bytea) FILTER (WHERE 'n' = ANY(%(measures)s)) AS n,
           string_agg(int8send(sign * accepted), ''::bytea) FILTER (WHERE 'accepted' = ANY(%(measures)s)) AS accepted,
           string_agg(int8send(sign * duplicate), ''::bytea) FILTER (WHERE 'duplicate' = ANY(%(measures)s)) AS duplicate,
           string_agg(int8send(sign * rejected), ''::bytea) FILTER (WHERE 'rejected' = ANY(%(measures)s)) AS rejected,
           string_agg(int8send(sign * errors), ''::bytea) FILTER (WHERE 'errors' = ANY(%(measures)s)) AS errors,
           string_agg(int8send(sign * unanswered), ''::bytea) FILTER (WHERE 'unanswered' = ANY(%(measures)s)) AS unanswered,
           string_agg(int8send(sign * bytes_in), ''::bytea) FILTER (WHERE 'bytes_in' = ANY(%(measures)s)) AS bytes_in,
           string_agg(int8send(sign * bytes_out), ''::bytea) FILTER (WHERE 'bytes_out' = ANY(%(measures)s)) AS bytes_out,
           string_agg(int8send(sign * payload_in), ''::bytea) FILTER (WHERE 'payload_in' = ANY(%(measures)s)) AS payload_in,
           string_agg(int8send(sign * payload_out), ''::bytea) FILTER (WHERE 'payload_out' = ANY(%(measures)s)) AS payload_out,
           string_agg(int8send(sign * rt_n), ''::bytea) FILTER (WHERE 'rt_n' = ANY(%(measures)s)) AS rt_n,
           string_agg(int8send(sign * (rt_sum * 1024)::bigint), ''::bytea)
               FILTER (WHERE 'rt_units' = ANY(%(measures)s)) AS rt_units
    FROM facts
)
SELECT 0 AS place, 1 AS sign, measure, 8 AS width, numbers
FROM packs CROSS JOIN LATERAL (VALUES
    ('client_no', client_no), ('n', n), ('accepted', accepted), ('duplicate', duplicate), ('rejected', rejected), ('errors', errors),
    ('unanswered', unanswered), ('bytes_in', bytes_in), ('bytes_out', bytes_out), ('payload_in', payload_in), ('payload_out', payload_out), ('rt_n', rt_n),
    ('rt_units', rt_units)
) AS one (measure, numbers)
WHERE measure = ANY(%(measures)s) AND numbers IS NOT NULL
