-- Who sent an EVENT of one kind in each step, as packs of clients (core/storage/client_kind_packs.py): of the blocks of
-- `hours` integer[] from `firsts` to `lasts` timestamptz[], which lie in `steps` integer[]; `kind` integer.
SELECT step, clients, client_no
FROM unnest(%(steps)s::integer[], %(hours)s::smallint[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
     AS parts (step, hours, first, last)
JOIN client_kind_pack p ON p.hours = parts.hours AND p.bucket >= first AND p.bucket < last
WHERE kind = %(kind)s
