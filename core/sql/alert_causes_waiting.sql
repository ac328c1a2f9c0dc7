-- What waits for an answer: the newest second of each tap worker since `since`, up to `end` timestamptz. What has no app,
-- client or kind comes with a null name.
WITH newest AS (
    SELECT relay_id, worker, max(timestamp) AS timestamp FROM waiting_messages
    WHERE timestamp >= %(since)s AND timestamp < %(end)s GROUP BY 1, 2
), facts AS (
    SELECT app, client_id, event_type, kind, n FROM waiting_messages JOIN newest USING (relay_id, worker, timestamp)
)
SELECT CASE grouping(app, client_id, event_type, kind) WHEN 15 THEN 'all' WHEN 7 THEN 'app' WHEN 11 THEN 'client'
            WHEN 13 THEN 'event_type' ELSE 'kind' END AS dimension,
       CASE WHEN grouping(app, client_id, event_type, kind) = 15 THEN ''
            ELSE coalesce(app, client_id, event_type, kind::text) END AS name, 0::float8 AS before, coalesce(sum(n), 0)::float8 AS during
FROM facts
GROUP BY GROUPING SETS ((), (app), (client_id), (event_type), (kind))
