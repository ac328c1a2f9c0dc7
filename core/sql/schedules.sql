-- Schedules by name, or one of them, in the order of the fields of Plan and Schedule.
SELECT s.schedule_id, s.name, s.report, s.cron, s.covers, s.file_format, c.name, s.time_zone, s.filters, s.skip_empty,
       s.active, s.owner, s.created_by, s.created_at, s.due_after
FROM schedules s JOIN delivery_channels c USING (channel_id)
WHERE %(schedule_id)s::integer IS NULL OR s.schedule_id = %(schedule_id)s
ORDER BY s.name
