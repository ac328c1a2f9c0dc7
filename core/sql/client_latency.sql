-- The latency bins of one client's answered messages, per bucket and event type, as arrays in binary form
-- (core/storage/client_bins.py); the parameters are those of client_over_time.
WITH parts AS (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
         AS parts (step, hours, bucket, sign)
), facts AS (
    SELECT step, sign, event_type_id, bins, packed_bins, packed_counts
    FROM parts JOIN client_hour USING (bucket) WHERE hours = 1 AND client_no = %(client_no)s
    UNION ALL
    SELECT step, sign, event_type_id, bins, packed_bins, packed_counts
    FROM parts JOIN client_day USING (day) WHERE hours = 24 AND client_no = %(client_no)s
    UNION ALL
    SELECT width_bucket(bucket, %(edges)s::timestamptz[]) - 1, 1, event_type_id, bins, NULL, NULL
    FROM client_delta WHERE client_no = %(client_no)s AND bucket >= %(start)s AND bucket < %(end)s
)
SELECT step, sign, t.name AS event_type, array_send(bins) AS bins, array_send(packed_bins) AS packed_bins,
       array_send(packed_counts) AS packed_counts
FROM facts JOIN event_types t USING (event_type_id)
WHERE (bins IS NOT NULL OR packed_bins IS NOT NULL) AND (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
