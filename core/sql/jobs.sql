-- Every job with its last run; those that come by themselves first.
SELECT name, description, period, started_at, finished_at, outcome, result, runs, failures, failed_at, error
FROM jobs ORDER BY period IS NULL, name
