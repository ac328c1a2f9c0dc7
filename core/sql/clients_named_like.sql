-- Clients whose client_id or name contains `search` text, in whatever case.
SELECT client_no FROM clients
WHERE position(lower(%(search)s) IN lower(client_id)) > 0 OR position(lower(%(search)s) IN lower(name)) > 0
