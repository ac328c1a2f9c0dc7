-- Distinct clients that sent a message since `day` timestamptz, which today reaches up to now; `hour` is the first whole
-- UTC hour of the day. From the bits of whole hours (core/storage/active_clients.py); added one by one is who is not in
-- them: of what is not merged yet, and of the hour within which the day begins, where a row tells its client's last time.
WITH hours AS (
    SELECT chunk, bit_or(bits) AS bits FROM active_hour WHERE event_type_id = 0 AND bucket >= %(hour)s GROUP BY chunk
), single AS (
    SELECT client_no FROM client_delta WHERE last_at >= %(day)s AND n > 0
    UNION
    SELECT client_no FROM client_hour
    WHERE %(day)s::timestamptz < %(hour)s::timestamptz
      AND bucket > %(day)s - interval '1 hour' AND bucket < %(hour)s AND last_at >= %(day)s AND n > 0
)
SELECT ((SELECT coalesce(sum(bit_count(bits)), 0) FROM hours)
        + (SELECT count(*) FROM single LEFT JOIN hours ON hours.chunk = single.client_no / 65536
           WHERE hours.bits IS NULL OR get_bit(hours.bits, single.client_no %% 65536) = 0))::bigint
