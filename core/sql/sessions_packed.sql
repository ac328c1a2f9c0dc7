-- Packed lengths of ended connections (core/storage/latency_packs.py), of the hours and days of UTC that buckets are put
-- together from: `steps`, `hours` (1 or 24), `signs` integer[] and `buckets` timestamptz[]; with what they last together,
-- in ms. `relay` text or null.
SELECT step, sign, bins, total
FROM unnest(%(steps)s::integer[], %(hours)s::integer[], %(buckets)s::timestamptz[], %(signs)s::integer[])
     AS parts (step, hours, bucket, sign)
JOIN latency_pack USING (hours, bucket)
WHERE event_type_id = -2
  AND (%(relay)s::text IS NULL OR relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
