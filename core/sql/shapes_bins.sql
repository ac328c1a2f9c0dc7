-- The packs of bins (core/storage/shape_bins.py) of some query shapes, `shapes` text[], by event type; of the hours in
-- [`start`, `end`) timestamptz.
SELECT t.name AS event_type, shape, bins
FROM shape_hour JOIN event_types t USING (event_type_id)
WHERE bucket >= %(start)s AND bucket < %(end)s AND shape = ANY(%(shapes)s::text[]) AND rt_n > 0
