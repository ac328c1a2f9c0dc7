-- The packs of bins (core/storage/shape_bins.py) of some query shapes, `shapes` text[], by event type; of days and hours as
-- in shapes.
SELECT t.name AS event_type, shape, bins
FROM (
    SELECT event_type_id, shape, rt_n, bins FROM shape_day WHERE day = ANY(%(utc_days)s::date[])
    UNION ALL
    SELECT event_type_id, shape, rt_n, bins
    FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) AS parts (first, last)
    JOIN shape_hour ON bucket >= first AND bucket < last
) AS costs JOIN event_types t USING (event_type_id)
WHERE shape = ANY(%(shapes)s::text[]) AND rt_n > 0
