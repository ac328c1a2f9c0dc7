-- What waits for an answer: the newest second of each tap worker since `since`, up to `end` timestamptz.
WITH newest AS (
    SELECT relay_id, worker, max(timestamp) AS timestamp FROM waiting_messages
    WHERE timestamp >= %(since)s AND timestamp < %(end)s GROUP BY 1, 2
), facts AS (
    SELECT app, client_id, event_type, kind, n FROM waiting_messages JOIN newest USING (relay_id, worker, timestamp)
)
SELECT CASE grouping(app, client_id, event_type, kind) WHEN 15 THEN 'all' WHEN 7 THEN 'app' WHEN 11 THEN 'client'
            WHEN 13 THEN 'event_type' ELSE 'kind' END AS dimension,
       coalesce(app, client_id, event_type, kind::text, '') AS name, 0::float8 AS before, sum(n)::float8 AS during
FROM facts
GROUP BY GROUPING SETS ((), (app), (client_id), (event_type), (kind))
