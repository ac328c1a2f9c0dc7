-- Entries of the audit log, the newest first. `before` bigint, `actor`, `action` (a name, or how it begins), `request_id`
-- text, all or null; `limit` integer.
SELECT entry_id, at, actor, via, action, request_id, details
FROM audit_log
WHERE (%(before)s::bigint IS NULL OR entry_id < %(before)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR starts_with(action, %(action)s))
  AND (%(request_id)s::text IS NULL OR request_id = %(request_id)s)
ORDER BY entry_id DESC
LIMIT %(limit)s
