-- The same as latency_packed, of times to the first event.
SELECT step, sign, bins
FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
     AS parts (step, hours, bucket, sign)
JOIN latency_pack USING (hours, bucket)
WHERE event_type_id = -1
