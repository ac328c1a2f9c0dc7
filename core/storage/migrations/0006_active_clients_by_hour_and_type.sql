-- Who was active, by the hour and by the day, and by event type: exact unique clients of any whole hours, in any zone.
-- The bits follow client_hour in the same transactions; what they do not hold yet waits in client_delta.
DROP TABLE active_day;
DELETE FROM settings_store WHERE name = 'active_days_built_before';
CREATE TABLE active_hour (                         -- clients with n > 0 in an hour: bit client_no % 65536
    bucket        timestamptz NOT NULL,
    event_type_id smallint NOT NULL,               -- 0: any
    chunk         integer NOT NULL,                -- client_no / 65536
    bits          bit(65536) NOT NULL,
    PRIMARY KEY (event_type_id, bucket, chunk)
);
CREATE TABLE active_day (                          -- the same by UTC day
    day           date NOT NULL,
    event_type_id smallint NOT NULL,
    chunk         integer NOT NULL,
    bits          bit(65536) NOT NULL,
    PRIMARY KEY (event_type_id, day, chunk)
);
CREATE VIEW active_pending AS                      -- who is not in these bits yet
SELECT bucket, event_type_id, client_no FROM client_delta WHERE n > 0;

-- From the hours and days there are; two million rows take eight seconds. A fold waits meanwhile.
LOCK TABLE client_hour, client_day IN SHARE MODE;
INSERT INTO active_hour (bucket, event_type_id, chunk, bits)
SELECT bucket, coalesce(event_type_id, 0) AS event_type_id, chunk, bit_or(bits) AS bits
FROM (
    SELECT bucket, event_type_id, chunk, bit_or(bits::bit(65536) >> word * 2048) AS bits
    FROM (
        SELECT bucket, event_type_id, client_no / 65536 AS chunk,
               mod(client_no, 65536) / 2048 AS word,
               bit_or(set_bit(0::bit(2048), mod(client_no, 2048), 1)) AS bits
        FROM client_hour WHERE n > 0
        GROUP BY 1, 2, 3, 4
    ) words
    GROUP BY 1, 2, 3
) types
GROUP BY GROUPING SETS ((bucket, chunk, event_type_id), (bucket, chunk))
ORDER BY 2, 1, 3;
INSERT INTO active_day (day, event_type_id, chunk, bits)
SELECT day, coalesce(event_type_id, 0) AS event_type_id, chunk, bit_or(bits) AS bits
FROM (
    SELECT day, event_type_id, chunk, bit_or(bits::bit(65536) >> word * 2048) AS bits
    FROM (
        SELECT day, event_type_id, client_no / 65536 AS chunk,
               mod(client_no, 65536) / 2048 AS word,
               bit_or(set_bit(0::bit(2048), mod(client_no, 2048), 1)) AS bits
        FROM (SELECT (bucket AT TIME ZONE 'UTC')::date AS day, client_no, event_type_id, n FROM client_hour
              UNION ALL SELECT day, client_no, event_type_id, n FROM client_day) days WHERE n > 0
        GROUP BY 1, 2, 3, 4
    ) words
    GROUP BY 1, 2, 3
) types
GROUP BY GROUPING SETS ((day, chunk, event_type_id), (day, chunk))
ORDER BY 2, 1, 3;
