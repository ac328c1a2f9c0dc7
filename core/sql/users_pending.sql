-- Who was active in each step between two `edges` (-1: ever before the first) and is not in the bits of users_active
-- yet; `edges` timestamptz[] on whole hours, `event_type` text or null.
SELECT DISTINCT width_bucket(p.bucket, %(edges)s::timestamptz[]) - 1 AS step, p.client_no
FROM active_pending p JOIN event_types t USING (event_type_id)
WHERE (%(event_type)s::text IS NULL OR t.name = %(event_type)s)
  AND p.bucket < (%(edges)s::timestamptz[])[cardinality(%(edges)s::timestamptz[])]
