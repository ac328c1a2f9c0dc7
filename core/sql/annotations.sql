-- What happened within [`start`, `end`) or reaches into it, in order of time; `kinds` text[].
SELECT annotation_id, at, until, kind, text, author, created_at
FROM annotations
WHERE at < %(end)s AND coalesce(until, at) >= %(start)s AND NOT hidden AND kind = ANY(%(kinds)s::text[])
ORDER BY at, annotation_id
