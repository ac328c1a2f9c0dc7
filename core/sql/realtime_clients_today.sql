-- Distinct clients that sent a message since `day` timestamptz, which today reaches up to now. Exact also where the day
-- begins within an hour: a row tells the last time of its client.
SELECT count(DISTINCT client_no)::bigint
FROM (
    SELECT client_no FROM client_hour
    WHERE bucket > %(day)s - interval '1 hour' AND last_at >= %(day)s AND n > 0
    UNION ALL
    SELECT client_no FROM client_delta WHERE last_at >= %(day)s AND n > 0
) AS seen
