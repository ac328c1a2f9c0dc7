-- A new schedule, due from now on.
INSERT INTO schedules (name, report, cron, covers, file_format, channel_id, time_zone, filters, skip_empty, owner,
                       created_by, created_at, due_after)
VALUES (%(name)s, %(report)s, %(cron)s, %(covers)s, %(file_format)s, %(channel_id)s, %(time_zone)s, %(filters)s,
        %(skip_empty)s, %(owner)s, %(by)s, %(now)s, %(now)s)
RETURNING schedule_id
