-- Ended connections per bucket of their end (its number in `edges`) and bin of their length, and their lengths in all (ms);
-- `edges` timestamptz[], `start`, `end` timestamptz, `relay` text or null. One row per bucket: its bins and their counts
-- packed as integers of 4 and 8 bytes, since there are many.
SELECT step, string_agg(int4send(duration_bin), ''::bytea) AS bins, string_agg(int8send(n), ''::bytea) AS counts,
       sum(duration_ms)::bigint AS duration_ms
FROM (
    SELECT width_bucket(s.bucket, %(edges)s::timestamptz[]) - 1 AS step, s.duration_bin, sum(s.n)::bigint AS n,
           sum(s.duration_ms)::bigint AS duration_ms
    FROM session_hour_current s
    WHERE s.bucket >= %(start)s AND s.bucket < %(end)s
      AND (%(relay)s::text IS NULL OR s.relay_id = (SELECT relay_id FROM relays WHERE name = %(relay)s))
    GROUP BY 1, 2
) AS bins
GROUP BY step
