-- Distinct clients of UTC hours: `hours` timestamptz[]. Exact once an hour is over and folded.
SELECT bucket, sum(bit_count(bits))::bigint AS clients
FROM active_hour WHERE event_type_id = 0 AND bucket = ANY(%(hours)s)
GROUP BY 1
