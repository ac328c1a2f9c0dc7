-- The same as billing_usage, of one client; `client` text (its client_id).
-- The period is put together from hours and days of UTC (core/storage/spans.py): `hours` (1 or 24), `signs` integer[] and
-- `buckets` timestamptz[].
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[]) AS parts (hours, bucket, sign)
), facts AS (
    SELECT client_no, sign, event_type_id, n, accepted, duplicate, rejected, events_out, bytes_in, bytes_out, payload_in,
           payload_out
    FROM parts JOIN client_hour_current USING (bucket)
    WHERE hours = 1 AND client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
    UNION ALL
    SELECT client_no, sign, event_type_id, n, accepted, duplicate, rejected, events_out, bytes_in, bytes_out, payload_in,
           payload_out
    FROM parts JOIN client_day_current USING (day)
    WHERE hours = 24 AND client_no = (SELECT client_no FROM clients WHERE client_id = %(client)s)
)
SELECT client_no::bigint,
       coalesce(sum(sign * accepted) FILTER (WHERE t.name = 'EVENT'), 0)::bigint  AS accepted,
       coalesce(sum(sign * duplicate) FILTER (WHERE t.name = 'EVENT'), 0)::bigint AS duplicate,
       coalesce(sum(sign * rejected) FILTER (WHERE t.name = 'EVENT'), 0)::bigint  AS rejected,
       coalesce(sum(sign * n) FILTER (WHERE t.name = 'REQ'), 0)::bigint           AS reqs,
       coalesce(sum(sign * n) FILTER (WHERE t.name = 'COUNT'), 0)::bigint         AS counts,
       sum(sign * events_out)::bigint  AS delivered,
       sum(sign * bytes_in)::bigint    AS bytes_in,
       sum(sign * bytes_out)::bigint   AS bytes_out,
       sum(sign * payload_in)::bigint  AS payload_in,
       sum(sign * payload_out)::bigint AS payload_out
FROM facts JOIN event_types t USING (event_type_id)
GROUP BY 1
