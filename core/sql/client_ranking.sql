-- The clients that lead a range by one measure, and how many sent or received anything in it. The range is put together
-- from blocks (core/storage/spans.py): `hours` integer[], `firsts`, `lasts` timestamptz[], `signs` integer[] are the
-- lengths, ranges and signs of its parts; `start`, `end` timestamptz the range itself, of which what is not merged yet is
-- added. `measure` text, `event_type` text or null, `search` text or null (part of a client_id or name), `limit`,
-- `offset` integer. Sums in floating point are exact up to 2^53, and only the order comes from here.
WITH type AS (
    SELECT coalesce((SELECT event_type_id FROM event_types WHERE name = %(event_type)s::text), -1) AS id
), parts AS (
    SELECT hours, first, last, sign,
           (first AT TIME ZONE 'UTC')::date AS first_day, (last AT TIME ZONE 'UTC')::date AS last_day
    FROM unnest(%(hours)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(signs)s::integer[])
         AS parts (hours, first, last, sign)
), facts AS (
    SELECT client_no, sign,
           CASE %(measure)s WHEN 'events' THEN n WHEN 'accepted' THEN accepted WHEN 'duplicate' THEN duplicate
               WHEN 'rejected' THEN rejected WHEN 'errors' THEN errors WHEN 'unanswered' THEN unanswered
               WHEN 'events_out' THEN events_out WHEN 'bytes_in' THEN bytes_in WHEN 'bytes_out' THEN bytes_out
               WHEN 'bytes' THEN bytes_in + bytes_out END AS measured
    FROM parts JOIN client_span ON hours > 24 AND length = hours / 24 AND day >= first_day AND day < last_day
    WHERE event_type_id = (SELECT id FROM type)
    UNION ALL
    SELECT client_no, sign,
           CASE %(measure)s WHEN 'events' THEN n WHEN 'accepted' THEN accepted WHEN 'duplicate' THEN duplicate
               WHEN 'rejected' THEN rejected WHEN 'errors' THEN errors WHEN 'unanswered' THEN unanswered
               WHEN 'events_out' THEN events_out WHEN 'bytes_in' THEN bytes_in WHEN 'bytes_out' THEN bytes_out
               WHEN 'bytes' THEN bytes_in + bytes_out END
    FROM parts JOIN client_day ON hours = 24 AND day >= first_day AND day < last_day
    WHERE (SELECT id FROM type) IN (-1, event_type_id)
    UNION ALL
    SELECT client_no, sign,
           CASE %(measure)s WHEN 'events' THEN n WHEN 'accepted' THEN accepted WHEN 'duplicate' THEN duplicate
               WHEN 'rejected' THEN rejected WHEN 'errors' THEN errors WHEN 'unanswered' THEN unanswered
               WHEN 'events_out' THEN events_out WHEN 'bytes_in' THEN bytes_in WHEN 'bytes_out' THEN bytes_out
               WHEN 'bytes' THEN bytes_in + bytes_out END
    FROM parts JOIN client_hour ON hours = 1 AND bucket >= first AND bucket < last
    WHERE (SELECT id FROM type) IN (-1, event_type_id)
    UNION ALL
    SELECT client_no, 1,
           CASE %(measure)s WHEN 'events' THEN n WHEN 'accepted' THEN accepted WHEN 'duplicate' THEN duplicate
               WHEN 'rejected' THEN rejected WHEN 'errors' THEN errors WHEN 'unanswered' THEN unanswered
               WHEN 'events_out' THEN events_out WHEN 'bytes_in' THEN bytes_in WHEN 'bytes_out' THEN bytes_out
               WHEN 'bytes' THEN bytes_in + bytes_out END
    FROM client_delta
    WHERE bucket >= %(start)s AND bucket < %(end)s AND (SELECT id FROM type) IN (-1, event_type_id)
), totals AS (
    SELECT client_no, sum(sign * measured::float8) AS measured FROM facts GROUP BY client_no
)
SELECT client_no, measured::bigint, count(*) OVER () AS clients, sum(measured) OVER ()::numeric::bigint AS total
FROM totals
WHERE measured > 0
  AND (%(search)s::text IS NULL OR client_no IN (
      SELECT client_no FROM clients
      WHERE position(lower(%(search)s) IN lower(client_id)) > 0 OR position(lower(%(search)s) IN lower(name)) > 0))
ORDER BY measured DESC, client_no
LIMIT %(limit)s OFFSET %(offset)s
