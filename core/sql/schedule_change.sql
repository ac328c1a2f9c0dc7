-- Another plan for a schedule, due from now on by it.
UPDATE schedules
SET name = %(name)s, report = %(report)s, cron = %(cron)s, covers = %(covers)s, file_format = %(file_format)s,
    channel_id = %(channel_id)s, time_zone = %(time_zone)s, filters = %(filters)s, skip_empty = %(skip_empty)s,
    due_after = greatest(due_after, %(now)s)
WHERE schedule_id = %(schedule_id)s
