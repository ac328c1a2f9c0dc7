-- Packs (core/storage/client_kind_packs.py) of one kind, of the blocks that `hours` integer[], `firsts` timestamptz[] and
-- `signs` integer[] tell, in the form of client_packs; `kind` integer, `measures` text[].
SELECT place::integer, sign, measure, length(numbers) / clients AS width, numbers
FROM unnest(%(hours)s::smallint[], %(firsts)s::timestamptz[], %(signs)s::integer[]) WITH ORDINALITY
     AS parts (hours, bucket, sign, place)
JOIN client_kind_pack USING (hours, bucket)
CROSS JOIN LATERAL (VALUES
    ('client_no', client_no), ('n', n), ('accepted', accepted), ('duplicate', duplicate), ('rejected', rejected), ('errors', errors),
    ('unanswered', unanswered), ('bytes_in', bytes_in), ('bytes_out', bytes_out), ('payload_in', payload_in), ('payload_out', payload_out), ('rt_n', rt_n),
    ('rt_units', rt_units)
) AS one (measure, numbers)
WHERE kind = %(kind)s AND measure = ANY(%(measures)s)
