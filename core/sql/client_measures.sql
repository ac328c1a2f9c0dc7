-- Every measure of some clients over a range, by event type; parameters as in client_ranking, and `clients` integer[],
-- their numbers.
WITH parts AS (
    SELECT hours, first, last, sign,
           (first AT TIME ZONE 'UTC')::date AS first_day, (last AT TIME ZONE 'UTC')::date AS last_day
    FROM unnest(%(hours)s::integer[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(signs)s::integer[])
         AS parts (hours, first, last, sign)
), facts AS (
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, errors, unanswered, events_out,
           bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM parts JOIN client_span ON hours > 24 AND length = hours / 24 AND day >= first_day AND day < last_day
    WHERE client_no = ANY(%(clients)s) AND event_type_id IN (SELECT event_type_id FROM event_types)
    UNION ALL
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, errors, unanswered, events_out,
           bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM parts JOIN client_day ON hours = 24 AND day >= first_day AND day < last_day
    WHERE client_no = ANY(%(clients)s)
    UNION ALL
    SELECT client_no, event_type_id, sign, n, accepted, duplicate, rejected, errors, unanswered, events_out,
           bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM parts JOIN client_hour ON hours = 1 AND bucket >= first AND bucket < last
    WHERE client_no = ANY(%(clients)s)
    UNION ALL
    SELECT client_no, event_type_id, 1, n, accepted, duplicate, rejected, errors, unanswered, events_out,
           bytes_in, bytes_out, payload_in, payload_out, rt_n, rt_sum
    FROM client_delta
    WHERE bucket >= %(start)s AND bucket < %(end)s AND client_no = ANY(%(clients)s)
)
SELECT f.client_no, t.name AS event_type,
       sum(sign * n)::bigint AS events, sum(sign * accepted)::bigint AS accepted,
       sum(sign * duplicate)::bigint AS duplicate, sum(sign * rejected)::bigint AS rejected,
       sum(sign * errors)::bigint AS errors, sum(sign * unanswered)::bigint AS unanswered,
       sum(sign * events_out)::bigint AS events_out, sum(sign * bytes_in)::bigint AS bytes_in,
       sum(sign * bytes_out)::bigint AS bytes_out, sum(sign * payload_in)::bigint AS payload_in,
       sum(sign * payload_out)::bigint AS payload_out, sum(sign * rt_n)::bigint AS answered, sum(sign * rt_sum) AS ms
FROM facts f JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
GROUP BY 1, 2
