-- When a relay could not be reached in [`start`, `end`), and was back: the relay, the first second that failed, the first
-- one after it in which connections opened and none failed. What is not back yet is left out.
WITH failing AS (
    SELECT DISTINCT relay_id, timestamp FROM connection_metrics_raw
    WHERE unreachable > 0 AND timestamp >= %(start)s AND timestamp < %(end)s
), ended AS (
    SELECT relay_id, timestamp AS away, (
        SELECT min(s.timestamp) FROM connection_metrics_raw s
        WHERE s.relay_id = failing.relay_id AND s.timestamp > failing.timestamp AND s.timestamp < %(end)s
          AND s.opened > 0 AND s.unreachable = 0) AS back
    FROM failing
)
SELECT relays.name, min(away), back
FROM ended JOIN relays USING (relay_id)
WHERE back IS NOT NULL
GROUP BY relay_id, relays.name, back
ORDER BY back
