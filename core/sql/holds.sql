-- Clients whose raw rows are held, and how many of their rows are there only because of that.
SELECT c.client_id, h.why, h.until, h.placed_at, h.placed_by,
       (SELECT count(*) FROM held_events e WHERE e.client_no = h.client_no)
       + (SELECT count(*) FROM held_deliveries d WHERE d.client_no = h.client_no)
       + (SELECT count(*) FROM held_connections n WHERE n.client_no = h.client_no)
FROM held_clients h JOIN clients c USING (client_no)
ORDER BY h.placed_at DESC, c.client_id
