-- Incidents: open ones first, then the newest. `number` bigint or null: only that one; `open_only` boolean; `rule` text or
-- null; `since` timestamptz or null: those open then or later; `before` bigint or null: with a smaller number; `limit`.
SELECT incident_id, definition, opened_at, worst_value, last_value, limit_value, why, acknowledged_at, acknowledged_by,
       told, ended_at, ended_how
FROM alert_incidents
WHERE (%(number)s::bigint IS NULL OR incident_id = %(number)s)
  AND (NOT %(open_only)s OR ended_at IS NULL)
  AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(since)s::timestamptz IS NULL OR ended_at IS NULL OR ended_at >= %(since)s)
  AND (%(before)s::bigint IS NULL OR incident_id < %(before)s)
ORDER BY ended_at IS NOT NULL, incident_id DESC
LIMIT %(limit)s
