-- What each client used in a range put together from blocks (core/storage/blocks.py): `hours` integer[], `firsts`, `lasts`
-- timestamptz[] and `signs` integer[] are the blocks' lengths, ranges and signs; `start`, `end` timestamptz the range
-- itself, of which what is not merged yet is added.
WITH types AS MATERIALIZED (
    SELECT max(event_type_id) FILTER (WHERE name = 'EVENT') AS event, max(event_type_id) FILTER (WHERE name = 'REQ') AS req,
           max(event_type_id) FILTER (WHERE name = 'COUNT') AS count
    FROM event_types
), parts AS (
    SELECT hours, first, last, (first AT TIME ZONE 'UTC')::date AS first_day, (last AT TIME ZONE 'UTC')::date AS last_day,
           sign
    FROM unnest(%(hours)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(signs)s::integer[])
         AS parts (hours, first, last, sign)
), facts AS (
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, events_out, bytes_in, bytes_out, payload_in,
           payload_out
    FROM parts JOIN client_span ON hours > 24 AND length = hours / 24 AND day >= first_day AND day < last_day
    WHERE event_type_id >= 0
    UNION ALL
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, events_out, bytes_in, bytes_out, payload_in,
           payload_out
    FROM parts JOIN client_day ON hours = 24 AND day >= first_day AND day < last_day
    UNION ALL
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, events_out, bytes_in, bytes_out, payload_in,
           payload_out
    FROM parts JOIN client_hour ON hours = 1 AND bucket >= first AND bucket < last
    UNION ALL
    SELECT client_no, event_type_id, 1, n, accepted, duplicate, rejected, events_out, bytes_in, bytes_out, payload_in,
           payload_out
    FROM client_delta WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT client_no::bigint,
       coalesce(sum(sign * accepted) FILTER (WHERE event_type_id = (SELECT event FROM types)), 0)::bigint AS accepted,
       coalesce(sum(sign * duplicate) FILTER (WHERE event_type_id = (SELECT event FROM types)), 0)::bigint AS duplicate,
       coalesce(sum(sign * rejected) FILTER (WHERE event_type_id = (SELECT event FROM types)), 0)::bigint AS rejected,
       coalesce(sum(sign * n) FILTER (WHERE event_type_id = (SELECT req FROM types)), 0)::bigint AS reqs,
       coalesce(sum(sign * n) FILTER (WHERE event_type_id = (SELECT count FROM types)), 0)::bigint AS counts,
       sum(sign * events_out)::bigint  AS delivered,
       sum(sign * bytes_in)::bigint    AS bytes_in,
       sum(sign * bytes_out)::bigint   AS bytes_out,
       sum(sign * payload_in)::bigint  AS payload_in,
       sum(sign * payload_out)::bigint AS payload_out
FROM facts
GROUP BY client_no
