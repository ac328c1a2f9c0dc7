-- Packs (core/storage/client_packs.py) of the blocks that `days` integer[], `firsts` date[] and `signs` integer[] tell;
-- `measures` text[], `event_type` text or null: all types together.
SELECT place::integer, sign, measure, width, numbers
FROM unnest(%(days)s::smallint[], %(firsts)s::date[], %(signs)s::integer[]) WITH ORDINALITY
     AS parts (days, day, sign, place)
JOIN client_pack USING (days, day)
WHERE event_type_id = coalesce((SELECT event_type_id FROM event_types WHERE name = %(event_type)s::text), -1)
  AND measure = ANY(%(measures)s)
