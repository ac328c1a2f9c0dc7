-- Errors of the last ten seconds and of the minute before, unanswered messages of the last two minutes; `end` timestamptz.
SELECT coalesce(sum(errors) FILTER (WHERE bucket >= %(end)s - interval '10 s'), 0)::bigint AS errors_now,
       coalesce(sum(errors) FILTER (WHERE bucket < %(end)s - interval '10 s'
                                      AND bucket >= %(end)s - interval '70 s'), 0)::bigint AS errors_before,
       coalesce(sum(unanswered), 0)::bigint AS unanswered
FROM traffic_second_current
WHERE bucket >= %(end)s - interval '120 s' AND bucket < %(end)s
