-- What hours of UTC were like: `hours` timestamptz[]; null where nothing was measured. Traffic of hours without any row
-- is not zero but unknown: the tap may not have been there.
SELECT h.bucket, t.n::float8 / 3600 AS events_per_second, t.bytes::float8 / 3600 AS bytes_per_second,
       100.0 * t.errors / nullif(t.n, 0) AS error_share, c.active_sum::float8 / nullif(c.seconds, 0) AS connections
FROM unnest(%(hours)s::timestamptz[]) AS h (bucket)
LEFT JOIN (SELECT bucket, sum(n) AS n, sum(errors) AS errors, sum(bytes_in + bytes_out) AS bytes
           FROM traffic_hour_current WHERE bucket = ANY(%(hours)s) GROUP BY 1) t USING (bucket)
LEFT JOIN connection_hour c ON c.bucket = h.bucket AND c.relay_id = -1
ORDER BY 1
