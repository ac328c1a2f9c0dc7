-- When a client was last seen, also where its hours are not kept any more.
CREATE OR REPLACE VIEW clients_seen AS
SELECT c.client_no, c.client_id, c.identity, c.name, least(c.first_seen, d.first_at) AS first_seen,
       greatest((SELECT max(h.last_at) FROM client_hour h WHERE h.client_no = c.client_no
                 AND h.bucket = (SELECT max(bucket) FROM client_hour l WHERE l.client_no = c.client_no)),
                (SELECT max(w.last_at) FROM client_day w WHERE w.client_no = c.client_no
                 AND w.day = (SELECT max(day) FROM client_day l WHERE l.client_no = c.client_no)
                 AND w.day < (SELECT (value #>> '{}')::date FROM settings_store WHERE name = 'hours_from')),
                d.last_at, c.first_seen) AS last_seen
FROM clients c
LEFT JOIN (SELECT client_no, min(first_at) AS first_at, max(last_at) AS last_at
           FROM (SELECT unnest(client_no) AS client_no, unnest(first_at) AS first_at, unnest(last_at) AS last_at
                 FROM client_delta_packed) AS rows
           GROUP BY client_no) d USING (client_no);
