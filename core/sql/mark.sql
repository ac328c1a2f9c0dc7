-- A moment that the fold keeps: up to where something is built; `name` text.
SELECT (value #>> '{}')::timestamptz FROM settings_store WHERE name = %(name)s
