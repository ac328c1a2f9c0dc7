-- Who some clients are; `clients` integer[], their numbers.
SELECT client_no, client_id, identity, name, first_seen, last_seen FROM clients_seen WHERE client_no = ANY(%(clients)s)
