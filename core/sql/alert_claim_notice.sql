-- A notice that is neither sent nor given up, locked; no row when it is, or when someone is sending it. Of an end also
-- whether the notice of the opening is still on its way (`waits`), or was given up (`untold`).
SELECT n.attempts, n.reached,
       EXISTS (SELECT FROM alert_notices o
               WHERE o.incident_id = n.incident_id AND o.channel = n.channel AND n.transition = 'recovered'
                 AND o.transition = 'opened' AND o.sent_at IS NULL AND o.given_up_at IS NULL) AS waits,
       EXISTS (SELECT FROM alert_notices o
               WHERE o.incident_id = n.incident_id AND o.channel = n.channel AND n.transition = 'recovered'
                 AND o.transition = 'opened' AND o.given_up_at IS NOT NULL) AS untold
FROM alert_notices n
WHERE n.incident_id = %(incident)s AND n.transition = %(transition)s AND n.channel = %(channel)s
  AND n.sent_at IS NULL AND n.given_up_at IS NULL
FOR UPDATE OF n SKIP LOCKED
