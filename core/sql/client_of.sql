-- Who a client is; `client` text, its client_id.
SELECT client_no, client_id, identity, name, first_seen, last_seen FROM clients_seen WHERE client_id = %(client)s
