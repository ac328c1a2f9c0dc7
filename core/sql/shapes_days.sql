-- Which days of UTC from `first_day` to before `last_day` (date) are there as days of query shapes (core/storage/shape_days.py), and
-- say what their hours say.
SELECT day FROM shape_day_made m
WHERE day >= %(first_day)s AND day < %(last_day)s
  AND seen = (SELECT sum(c.seen) FROM shape_hour_counted c
              WHERE c.bucket >= m.day::timestamp AT TIME ZONE 'UTC'
                AND c.bucket < (m.day + 1)::timestamp AT TIME ZONE 'UTC')
ORDER BY day
