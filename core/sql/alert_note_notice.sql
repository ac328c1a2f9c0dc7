-- What became of a notice.
UPDATE alert_notices
SET attempts = %(attempts)s, reached = %(reached)s, sent_at = %(sent_at)s, given_up_at = %(given_up_at)s,
    detail = %(detail)s
WHERE incident_id = %(incident)s AND transition = %(transition)s AND channel = %(channel)s
