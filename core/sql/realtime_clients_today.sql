-- Clients seen since the day began: exact, since today reaches up to now. `day` timestamptz.
SELECT count(*)::bigint FROM clients_seen WHERE last_seen >= %(day)s
