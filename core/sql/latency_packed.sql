-- The packed latency bins (core/storage/latency_packs.py) of the hours and days of UTC that buckets are put together from:
-- `steps`, `hours` (1 or 24), `signs` integer[] and `buckets` timestamptz[]. `event_type` text or null.
SELECT step, sign, t.name AS event_type, bins
FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
     AS parts (step, hours, bucket, sign)
JOIN latency_pack USING (hours, bucket) JOIN event_types t USING (event_type_id)
WHERE %(event_type)s::text IS NULL OR t.name = %(event_type)s
