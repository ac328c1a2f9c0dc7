-- How these clients are called; `numbers` integer[].
SELECT client_no, client_id, name, identity FROM clients WHERE client_no = ANY(%(numbers)s::integer[])
